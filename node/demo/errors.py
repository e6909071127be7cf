"""Why a demo cannot go on."""


class DemoError(Exception):
    """The message is what the user reads."""
