"""`python -m clipspect`."""

from clipspect.cli.app import main

if __name__ == "__main__":
    main()
