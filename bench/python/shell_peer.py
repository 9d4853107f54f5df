"""The Python half of a hand-made request and answer over python-shell: a line of JSON with an id each way."""

import json
import sys

for line in sys.stdin:
    request = json.loads(line)
    sys.stdout.write(json.dumps({"id": request["id"], "value": request["value"]}) + "\n")
    sys.stdout.flush()
