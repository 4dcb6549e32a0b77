"""The link's server side: enrolment, what homes send, what they are told."""
