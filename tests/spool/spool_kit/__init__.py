"""What the tests of the spool share: a model of a disk, faults, processes that are killed."""
