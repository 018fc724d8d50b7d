"""`python -m vmlab.conformance`."""

from .command import main

raise SystemExit(main())
