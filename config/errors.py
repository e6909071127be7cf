"""Why the node does not start with these settings."""


class SettingsError(Exception):
    """The settings are refused; the message has one line for each wrong key."""
