"""What can go wrong with the database. The class says whether trying again can help."""


class DatabaseError(Exception):
    """Base of all errors of this package."""


class Transient(DatabaseError):
    """Trying the same again later can succeed."""


class DatabaseBusy(Transient):
    """Another transaction held the database for longer than we wait."""


class DatabaseFull(Transient):
    """The disk under the database is full."""


class Permanent(DatabaseError):
    """Somebody must repair something first."""


class DatabaseUnusable(Permanent):
    """The file cannot be opened, read or written, is damaged, or is no database of ours."""


class SchemaTooNew(Permanent):
    """A newer Glia has written this database."""


class SchemaTooOld(Permanent):
    """An older Glia has written this database, and there is no way to bring it up to date."""
