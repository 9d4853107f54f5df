"""Starts a worker. Node runs this file by its path with `-S`, so its folder is first on `sys.path`."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)
    sys.path.append(__file__.rpartition("/")[0])
    from otpy import worker

    sys.path.pop()
    sys.exit(worker.main())
