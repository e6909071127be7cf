"""What can go wrong with the database. The class says whether trying again can help."""


class DatabaseError(Exception):
    """Base of all errors of this package."""


class Transient(DatabaseError):
    """Trying the same again later can succeed."""


class DatabaseBusy(Transient):
    """Another transaction held the database for longer than we wait."""


class DatabaseFull(Transient):
    """The disk under the database is full."""


class DatabaseUnreachable(Transient):
    """The server cannot be reached, is starting or stopping, or takes no writes for the time being.

    When a commit raises this, nobody knows whether it was made: what is done again must be the same as done once.
    """


class Permanent(DatabaseError):
    """Somebody must repair something first."""


class DatabaseUnusable(Permanent):
    """It cannot be opened, read or written, is damaged, is no database of ours, or does not keep what it commits."""


class SchemaTooNew(Permanent):
    """A newer Glia has written this database."""


class SchemaTooOld(Permanent):
    """An older Glia has written this database, and there is no way to bring it up to date."""
