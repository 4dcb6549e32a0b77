"""What would have been and what will be: a rule's other settings over a home's own last weeks; when
a battery must be changed."""
