#!/bin/bash
. "$(dirname "$0")/../lab/lib.sh"
. "$(dirname "$0")/lib.sh"
proves "The README's walk-through works as it is written."
cd "$TREE"
shown() { bash -c "$1"; }

doc 'make up'
doc 'make attack NODE=a'
doc 'make status topology report'
always "node-a is quarantined" equals quarantined topology a
doc 'make attack NODE=b'
always "node-b is attacked, and stays" equals attacked topology b
doc 'make topology'
doc 'make status'
doc 'make release NODE=a'
expect 5 "node-a is back" equals healthy topology a
doc 'make down'
doc 'make up'
doc 'make attack-lateral FROM=e'
expect 5 "node-e is severed" equals quarantined topology e
doc_follow 'make logs-node NODE=b'
doc 'make down'
