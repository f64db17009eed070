"""Where documents come from: a dump, MongoDB or the REST gateway, behind one interface."""
