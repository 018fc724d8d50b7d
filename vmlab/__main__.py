"""`python -m vmlab`, the same as `vmlab`."""

from .cli import main

raise SystemExit(main())
