"""What care staff do: answer a check, take an alarm, arrive and leave."""
