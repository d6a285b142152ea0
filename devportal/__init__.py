"""A stand-in Bitrix24 for demonstration and tests: portals, authorization server, limits, faults. Never installed in production."""
