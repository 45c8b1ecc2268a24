"""What the tests of the viewer share: a collector, calls to show, a browser that is watched."""
