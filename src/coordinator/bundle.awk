# bundle.awk: one file from an ES module and all that it imports, so that a
# browser asks once and not once a module.  Every imported module becomes a
# function that returns what it exports, called once, before whoever imports it.
# What is asked for by itself stays an import.  Indents and lines of comment
# stay at home.  Imports and exports have to stand on lines of their own.
# usage: awk -v entries="hub.js worker.js" -f bundle.awk web/app.js

function refuse(why) {
	printf "bundle: %s\n", why > "/dev/stderr"
	failed = 1
	exit 1
}

function variable(name) {
	sub(/\.js$/, "", name)
	return "module_" name
}

# "import { a, b } from './x.js';" -> "const { a, b } = module_x;"
function import_line(line,    name, what) {
	if (line !~ /^import [^'"]+ from '\.\/[a-z_]+\.js';$/) refuse("cannot read: " line)
	name = line
	sub(/^.*'\.\//, "", name)
	sub(/';$/, "", name)
	if (index(" " entries " ", " " name " ")) return line
	module(name)
	what = line
	sub(/^import /, "", what)
	sub(/ from '.*$/, "", what)
	sub(/^\* as /, "", what)
	if (what ~ / as /) refuse("no other names: " line)
	return "const " what " = " variable(name) ";"
}

# "export function f() {" -> "f"
function exported(line) {
	if (line ~ /^export const [^('"`{\[]*, *[A-Za-z_$][A-Za-z0-9_$]* *=/ || !sub(/^export (async function|function|const|class) /, "", line))
		refuse("one name a line: " line)
	sub(/[^A-Za-z0-9_$].*$/, "", line)
	return line
}

# The module's text, after those of what it imports were printed.
function text_of(name, is_entry,    path, line, got, text, names) {
	path = directory name
	while ((got = (getline line < path)) > 0) {
		sub(/^\t+/, "", line)
		if (line ~ /^\/\// || line == "") continue
		if (line ~ /^import /) line = import_line(line)
		else if (line ~ /^export[ {]/ && !is_entry) {
			names = names (names == "" ? "" : ", ") exported(line)
			sub(/^export /, "", line)
		}
		text = text line "\n"
	}
	if (got < 0) refuse("cannot open " path)
	close(path)
	return is_entry ? text : "const " variable(name) " = (() => {\n" text "return { " names " };\n})();\n"
}

function module(name,    text) {
	if (name in done) return
	done[name] = 1
	text = text_of(name, 0)
	printf "%s", text
}

BEGIN {
	directory = entry = ARGV[1]
	sub(/[^\/]*$/, "", directory)
	sub(/^.*\//, "", entry)
	done[entry] = 1
	text = text_of(entry, 1)
	if (!failed) printf "%s", text
	exit failed
}
