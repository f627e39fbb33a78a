// filter: words that a node has to match, all of them; -word must not match.
import { model, stateOf, zoneOf } from './model.js';

export const HELP = 'state:quarantined  zone:eu  mode:observe  is:drift  is:abnormal  score>4  cpu>80  ram>80  name  -not';

const MODES = ['enforce', 'observe', 'unknown'];
const SIGNS = {
	drift: (i) => model.drift[i] === 1,
	enrolled: (i) => model.enrolled[i] === 1,
	abnormal: (i) => stateOf(i) !== 'healthy',
	decoy: (i) => model.hp[i] > 0,
};

function comparison(column, sign, text) {
	const limit = Number(text);
	return sign === '>' ? (i) => model[column][i] > limit : (i) => model[column][i] < limit;
}

// A test of an index, or a string that says what is wrong.
function parseWord(word) {
	const measured = word.match(/^(score|cpu|ram)([<>])(\d+(?:\.\d+)?)$/);
	if (measured) return comparison(measured[1], measured[2], measured[3]);
	const [, key, value] = word.match(/^([a-z]+):(.*)$/) ?? [];
	switch (key) {
	case undefined: return (i) => model.name[i].toLowerCase().includes(word);
	case 'state': case 'status':
		if (!model.states.some((state) => state.startsWith(value))) return `no state “${value}”: ${model.states.join(', ')}`;
		return (i) => stateOf(i).startsWith(value);
	case 'zone': return (i) => zoneOf(i).toLowerCase().includes(value);
	case 'mode':
		if (!MODES.some((mode) => mode.startsWith(value))) return `no mode “${value}”: ${MODES.join(', ')}`;
		return (i) => MODES[model.mode[i]].startsWith(value);
	case 'is': return SIGNS[value] ?? `no “is:${value}”: ${Object.keys(SIGNS).join(', ')}`;
	default: return `no word “${key}:”. There are ${HELP}`;
	}
}

// { test: null: everything, trouble: '' }
export function parseFilter(text) {
	const tests = [];
	for (const raw of text.toLowerCase().split(/\s+/).filter(Boolean)) {
		const not = raw.length > 1 && raw.startsWith('-');
		const test = parseWord(not ? raw.slice(1) : raw);
		if (typeof test === 'string') return { test: null, trouble: test };
		tests.push(not ? (i) => !test(i) : test);
	}
	return { test: tests.length === 0 ? null : (i) => tests.every((test) => test(i)), trouble: '' };
}
