"""Starts a worker. Node runs this file by its path, with `-S`."""

import sys

if __name__ == "__main__":
    folder = __file__.rpartition("/")[0]
    # Python puts a script's folder first, unless the environment asks for a safe path.
    if sys.path[:1] == [folder]:
        sys.path.pop(0)
    sys.path.insert(0, folder)
    from otpy import worker

    sys.path.remove(folder)
    sys.exit(worker.main())
