// node: the panel of the node in hand: its state in words, CPU and memory.
import { byId, h, once, say } from './dom.js';
import { ask } from './client.js';
import { mark } from './marks.js';
import { model, now, stateOf, zoneOf } from './model.js';
import { spark } from './spark.js';
import { clock, short, span, visible } from './text.js';

const SAMPLES_MOST = 180;
let shown = '', series = { step_ms: 5000, cpu: [], ram: [] }, sampled = 0;

const MODE = ['', 'observe mode: it says what it would cut, and cuts nothing', ''];

function words(i) {
	const list = [];
	if (zoneOf(i)) list.push(`zone ${visible(zoneOf(i))}`);
	list.push(`score ${short(model.score[i])}`);
	if (model.hp[i] > 0) list.push(`${model.hp[i]} decoys`);
	if (!model.enrolled[i]) list.push('not enrolled');
	if (model.seen[i] > 0) list.push(stateOf(i) === 'unreachable' ? `silent for ${span((now() - model.seen[i]) / 1000)}, since ${clock(model.seen[i])}` : '');
	return list.filter(Boolean).join(' · ');
}

function signs(i) {
	const list = [];
	if (MODE[model.mode[i]]) list.push(MODE[model.mode[i]]);
	if (model.drift[i] === 1) list.push('enforcement drift: its kernel does not hold all that it should');
	return list;
}

function draw(i) {
	const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(`--${name}`).trim();
	const minutes = Math.round(series.cpu.length * series.step_ms / 60000);
	say(byId('node-cpu-value'), `${short(model.cpu[i])} %`);
	say(byId('node-ram-value'), `${short(model.ram[i])} %`);
	for (const label of document.querySelectorAll('#node-load .since')) say(label, minutes > 0 ? `−${minutes} min` : '');
	spark(byId('node-cpu'), series.cpu, 100, colour('calm'), colour('line'));
	spark(byId('node-ram'), series.ram, 100, colour('alert'), colour('line'));
}

async function fetchSeries(name) {
	try {
		const got = await ask(`/api/v1/nodes/${encodeURIComponent(name)}/series`);
		if (name !== shown) return;
		series = got;
		sampled = performance.now();
	} catch {
		// The curve begins with what comes from now on.
	}
	update();
}

function update() {
	const i = model.index.get(shown);
	byId('node-empty').hidden = i !== undefined;
	byId('node-body').hidden = i === undefined;
	say(byId('node-name'), i === undefined ? '' : visible(shown));
	if (i === undefined) return;
	const state = stateOf(i);
	once(byId('node-state'), state, () => [mark(state), state]);
	say(byId('node-words'), words(i));
	once(byId('node-signs'), signs(i), () => signs(i).map((text) => h('li', {}, `! ${text}`)));
	if (performance.now() - sampled >= series.step_ms) {
		sampled = performance.now();
		for (const column of ['cpu', 'ram']) {
			series[column].push(model[column][i]);
			if (series[column].length > SAMPLES_MOST) series[column].shift();
		}
	}
	draw(i);
}

export function show(name) {
	if (name !== shown) {
		shown = name;
		series = { step_ms: 5000, cpu: [], ram: [] };
		sampled = performance.now();
		if (model.index.has(name)) void fetchSeries(name);
	}
	update();
}
