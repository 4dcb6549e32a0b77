"""An order to turn a lock, or a code typed at the door, to the bolt's own word."""
