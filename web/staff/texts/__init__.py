"""What everything is called on the screen, in words that home care uses."""
