#!/bin/sh
# phalanx.1.sh PHALANX: the manual page of that program, from its own help.
set -eu
phalanx=$1
cat <<'EOF'
.Dd November 2026
.Dt PHALANX 1
.Os Phalanx
.Sh NAME
.Nm phalanx
.Nd look at, prove and undo what a Phalanx mesh does
.Sh SYNOPSIS
.Nm
.Op Fl c Ar FILE
.Op Fl -json
.Ar VERB ...
.Nm
.Cm help
.Op Ar VERB
.Sh DESCRIPTION
.Nm
talks to the node on this host, reads its logs, and makes and runs a mesh's
authority.
.Bl -tag -width Ds
.It Fl c Ar FILE
The node's configuration, by default
.Pa /etc/phalanx/phalanx.conf .
.It Fl -json
Answers for programs.
.El
.Sh VERBS
EOF
"$phalanx" help --topics | while IFS= read -r topic; do
	echo ".Ss $topic"
	echo ".Bd -literal -compact"
	# shellcheck disable=SC2086 # a verb, or two
	"$phalanx" help $topic | sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/'
	echo ".Ed"
done
cat <<'EOF'
.Sh EXIT STATUS
0: done, and all is well; 1: not; 2: misspelt.
.Sh SEE ALSO
.Xr phalanx.conf 5 ,
.Xr phalanxd 8 ,
.Xr phalanx-coordinator 8
.Pp
.Pa /usr/share/doc/phalanx/operations.md
EOF
