"""Signing in: passwords, passkeys, second factors, single sign-on, sessions."""
