// A command that the documents show and no test runs is found, and so is a row of
// the table that is not true.
import assert from 'node:assert/strict';
import test from 'node:test';
import { judge, shown, table } from './commands.mjs';

const fence = '```';
const text = `Type \`phalanx status\` or \`make up\`.
${fence}
make up PORT=1     # a comment
phalanx ca request --state S \\
    --name n >n.json
${fence}
${fence}
node-a  32 -> 46
${fence}
${fence}
$ echo x | phalanx-analyser --explain -
{"floor":9}
${fence}
`;
const commands = shown('D.md', text);

test('commands are found where they stand, without comments and answers', () => {
	assert.deepEqual(commands.map((c) => [c.line, c.command, c.inline]), [
		[1, 'phalanx status', true], [1, 'make up', true], [3, 'make up PORT=1', false],
		[4, 'phalanx ca request --state S --name n >n.json', false], [11, 'echo x | phalanx-analyser --explain -', false]]);
});

const run = ['make up PORT=1', 'phalanx ca request --state S --name n >n.json', 'echo x | phalanx-analyser --explain -', 'phalanx status'];
const wrong = (done, rows = [], files = {}, tests) => judge(commands, done, rows, (path) => files[path], tests);

test('all of them run, or said why not: no complaint', () => {
	assert.deepEqual(wrong(run), []);
	assert.deepEqual(wrong(run.slice(1), table('none | no room | make up PORT=1')), []);
	assert.deepEqual(wrong(run.slice(1), table('test t f | up it goes | make up PORT=1'), { f: 'up it goes' }, ['t']), []);
});

test('one that no test runs is named, and where it stands', () => {
	assert.deepEqual(wrong(run.slice(1)), ['D.md:1: no test runs: make up', 'D.md:3: no test runs: make up PORT=1']);
	assert.deepEqual(wrong(run.filter((c) => c !== 'phalanx status')), ['D.md:1: no test runs: phalanx status']);
});

test('a row that is not true is named', () => {
	const row = table('test t f | up it goes | make up PORT=1');
	assert.match(wrong(run.slice(1), row, { f: 'down' }, ['t']).join(), /does not have the words/);
	assert.match(wrong(run.slice(1), row, {}, ['t']).join(), /does not have the words/);
	assert.match(wrong(run.slice(1), row, { f: 'up it goes' }, ['u']).join(), /no test t/);
	assert.match(wrong([...run, 'make x']).join(), /nobody is told to run any more: make x/);
	assert.match(wrong(run, table('none | why | make y')).join(), /nobody is told to run any more: make y/);
	assert.throws(() => table('make up'), /three parts/);
	assert.throws(() => table('perhaps | x | make up'));
});
