"""What several rules share, and is no rule: spans, signs of life, mats, looks.  Pure."""
