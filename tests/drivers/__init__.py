"""Tests of the drivers, over a real Bluetooth stack on a virtual radio and over gpiozero's mock."""
