// commands.mjs: is every command that README.md and docs/ show run by a test?
// A command is a line of a fenced block that begins with one, and `make X ...`,
// `phalanx X ...`, `curl ...` in the text.  It counts as run when tests/docs/*.sh
// has it behind `doc`, or the table tests/docs/tested says which test runs it,
// by which words, or why none can.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const own = fileURLToPath(new URL('.', import.meta.url));

const tree = process.argv[2] ?? join(own, '../..');
const here = join(tree, 'tests/docs');
const files = ['README.md', 'STYLE.md', ...readdirSync(join(tree, 'docs')).filter((f) => f.endsWith('.md')).map((f) => `docs/${f}`)];
const PROGRAM = /^(\$ |(make|phalanx|phalanxd|phalanx-[a-z]+|curl|git|docker|kubectl|apt|apt-get|systemctl|sudo|cmake|ninja|ctest|echo|cat|cp|\.ci\/run|(lab|scripts|tests|build|packaging)\/\S+|[A-Z][A-Z_]+=\S*)(\s|$))/;
const INLINE = /`((?:make [a-z]|phalanx [a-z]|curl -)[^`]*)`/g;

const clean = (line) => line.replace(/^\$ /, '').replace(/(^|\s)#\s.*$/, '').replace(/\s+/g, ' ').trim();

// [{ file, line, command, inline }]
export function shown(file, text) {
	const found = [];
	let block = null;
	let joined = null; // a line that a backslash continues, and where it began
	text.split('\n').forEach((raw, at) => {
		const [begun, i] = joined ?? ['', at];
		joined = raw.endsWith('\\') ? [`${begun}${raw.slice(0, -1)} `, i] : null;
		if (joined) return;
		const line = begun + raw;
		if (line.startsWith('```')) {
			if (block !== null) {
				const lines = block.filter(({ text }) => text.trim() && !/^\s*#/.test(text));
				const prompted = lines.some(({ text }) => text.startsWith('$ '));
				if (lines.length > 0 && PROGRAM.test(lines[0].text))
					for (const { text, at } of lines)
						if (!prompted || text.startsWith('$ ')) found.push({ file, line: at, command: clean(text), inline: false });
				block = null;
			} else block = [];
		} else if (block !== null) block.push({ text: line, at: i + 1 });
		else
			for (const [, command] of line.matchAll(INLINE))
				found.push({ file, line: i + 1, command: command.replaceAll('\\|', '|'), inline: true });
	});
	return found;
}

// Lines of the table: "test NAME FILE | WORDS | COMMAND", "none | REASON | COMMAND".
export function table(text) {
	return text.split('\n').filter((l) => l.trim() && !l.startsWith('#')).map((l) => {
		const [how, what, ...command] = l.split(' | ');
		if (!what || command.length === 0) throw new Error(`tests/docs/tested: not of three parts: ${l}`);
		const [kind, name, path] = how.trim().split(/\s+/);
		if (kind !== 'none' && (kind !== 'test' || !path)) throw new Error(`tests/docs/tested: ${l}`);
		return { kind, name, path, what: what.trim(), command: command.join(' | ').trim() };
	});
}

// The first words say what is done; options and names are the example's.
const verb = (command) => command.split(' ').slice(0, /^phalanx (ca|audit) /.test(command) ? 3 : 2).join(' ').replace(/[,.;:]$/, '');

export function judge(commands, run, rows, readTest, tests) {
	const wrong = [];
	for (const row of rows.filter((r) => r.kind === 'test')) {
		if (!readTest(row.path)?.includes(row.what)) wrong.push(`tests/docs/tested: ${row.path} does not have the words: ${row.what}`);
		if (tests && !tests.includes(row.name)) wrong.push(`tests/docs/tested: there is no test ${row.name}`);
	}
	const known = new Set([...run, ...rows.map((r) => r.command)]);
	const verbs = new Set([...known].map(verb));
	for (const { file, line, command, inline } of commands)
		if (!known.has(command) && !(inline && !command.startsWith('curl') && [...verbs].some((v) => v === verb(command) || v.startsWith(`${verb(command)} `))))
			wrong.push(`${file}:${line}: no test runs: ${command}`);
	const all = new Set(commands.map((c) => c.command));
	for (const command of run) if (!all.has(command)) wrong.push(`tests/docs: nobody is told to run any more: ${command}`);
	for (const { command } of rows)
		if (![...all].some((c) => c === command)) wrong.push(`tests/docs/tested: nobody is told to run any more: ${command}`);
	return wrong;
}

export const scripts = () => readdirSync(here).filter((f) => f.endsWith('.sh'))
	.flatMap((f) => [...readFileSync(join(here, f), 'utf8').matchAll(/^\s*(?:HOST=\S+ )?doc(?:_\w+)? '((?:[^']|'\\'')*)'/gm)])
	.map(([, command]) => command.replaceAll("'\\''", "'"));

if (process.argv[1]?.endsWith('tests/docs/commands.mjs')) {
	const read = (path) => {
		try {
			return readFileSync(join(tree, path), 'utf8');
		} catch {
			return undefined;
		}
	};
	const commands = files.flatMap((f) => shown(f, read(f)));
	const rows = table(read('tests/docs/tested'));
	const wrong = judge(commands, scripts(), rows, read, process.argv[3] && readFileSync(process.argv[3], 'utf8').split('\n'));
	for (const line of wrong) console.log(line);
	const none = rows.filter((r) => r.kind === 'none').length;
	console.log(`${commands.length} commands shown, ${new Set(commands.map((c) => c.command)).size} different; ${none} that no test can run; ${wrong.length} complaints`);
	if (wrong.length > 0)
		console.log('Run it in tests/docs/*.sh by doc \'...\', or name in tests/docs/tested the test that does, or why none can.');
	process.exitCode = wrong.length > 0 ? 1 : 0;
}
