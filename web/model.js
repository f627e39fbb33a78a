// model: the mesh as last heard: columns by index, and lists.  One snapshot
// fills it, events change it; each says what has to be drawn again.
const THREATS_MOST = 200, BLOCKED_MOST = 200, INCIDENTS_MOST = 200;

export const model = {
	t: 0, mesh: '', states: [], zones: [], size: 0,
	id: [], name: [], zone: [], st: [], score: [], cpu: [], ram: [], hp: [], seen: [], enrolled: [], mode: [], drift: [], gone: [],
	order: [],       // indices of who is there, by zone and name: positions follow it
	index: new Map(), // name -> index
	incidents: [], threats: [], blocked: [],
	feed: { entries: 0, head: '' },
	me: { role: 'viewer', name: '', csrf: '', sign_in: false },
	heads: 0, members: 0, key: '', key_since: 0,
	clock: 0,        // coordinator's time less ours
};

export const stateOf = (i) => model.states[model.st[i]] ?? 'unreachable';
export const zoneOf = (i) => model.zones[model.zone[i]] ?? '';
export const now = () => Date.now() + model.clock;
export const isHolding = (incident) => incident.level === 'quarantine';

// node-2 before node-10, by plain comparison: a Collator takes 80 ms for 10,000 names.
const sortable = (name) => name.replace(/\d+/g, (digits) => digits.padStart(8, '0'));

function arrange() {
	const zones = model.zones.map(sortable);
	const key = model.name.map((name, i) => `${zones[model.zone[i]] ?? ''}\u0000${sortable(name)}`);
	model.order = model.name.map((_, i) => i).filter((i) => !model.gone[i]).sort((a, b) => (key[a] < key[b] ? -1 : key[a] > key[b] ? 1 : 0));
}

export function load(snapshot) {
	const { nodes } = snapshot;
	const n = nodes.name.length, none = (value) => new Array(n).fill(value);
	for (const field of ['t', 'mesh', 'states', 'zones', 'incidents', 'threats', 'blocked', 'feed', 'me', 'heads', 'members', 'key', 'key_since'])
		if (snapshot[field] !== undefined) model[field] = snapshot[field];
	model.clock = snapshot.t - Date.now();
	model.size = n;
	for (const column of ['name', 'st', 'score', 'cpu', 'ram']) model[column] = nodes[column];
	for (const [column, value] of [['id', ''], ['zone', 0], ['hp', 0], ['seen', 0], ['enrolled', 1], ['mode', 2], ['drift', 0]])
		model[column] = nodes[column] ?? none(value);
	model.gone = model.name.map((name) => name === ''); // a slot that its node has left
	model.index = new Map(model.name.map((name, i) => [name, i]).filter(([name]) => name));
	arrange();
}

function zoneIndex(zone) {
	if (typeof zone === 'number') return zone;
	const known = model.zones.indexOf(zone);
	return known >= 0 ? known : model.zones.push(zone) - 1;
}

function joined({ idx, name, zone, ...rest }) {
	const values = { id: '', enrolled: 0, st: Math.max(0, model.states.indexOf('healthy')), score: 0, cpu: 0, ram: 0, hp: 0, seen: now(), mode: 2, drift: 0, ...rest, name, zone: zoneIndex(zone), gone: false };
	for (const [column, value] of Object.entries(values)) model[column][idx] = value;
	model.size = model.name.length;
	model.index.set(name, idx);
	arrange();
}

// What became of each row: cpu and memory alone leave the picture as it is.
function rowsChanged(rows) {
	let seen = false;
	for (const [i, st, score, cpu, ram, mode, drift, hp] of rows) {
		if (i >= model.size) continue;
		if (model.st[i] !== st || model.score[i] !== score || (mode ?? model.mode[i]) !== model.mode[i] || (drift ?? model.drift[i]) !== model.drift[i]) seen = true;
		model.st[i] = st;
		model.score[i] = score;
		model.cpu[i] = cpu;
		model.ram[i] = ram;
		model.seen[i] = model.t;
		if (mode !== undefined) model.mode[i] = mode;
		if (drift !== undefined) model.drift[i] = drift;
		if (hp !== undefined) model.hp[i] = hp;
	}
	return seen ? ['nodes', 'picture'] : ['nodes'];
}

function put(list, item, same, most) {
	const at = list.findIndex(same);
	if (at >= 0) list[at] = item;
	else list.unshift(item);
	if (list.length > most) list.length = most;
}

function incidentChanged(incident) {
	put(model.incidents, incident, (one) => one.id === incident.id, Infinity);
	model.incidents.sort((a, b) => isHolding(b) - isHolding(a) || b.t - a.t);
	if (model.incidents.length > INCIDENTS_MOST) model.incidents.length = INCIDENTS_MOST;
	return ['incidents', 'picture'];
}

// Votes and cuts arrive before the incident is told whole again.
function voted(vote) {
	const incident = model.incidents.find((one) => one.id === vote.id);
	if (!incident || incident.voters.some((voter) => voter.name === vote.name)) return ['incidents'];
	incident.voters.push({ name: vote.name, t: incident.t + vote.ms, good: vote.ok });
	return ['incidents', 'picture'];
}

function cut({ id, done, total, p50_ms, last_ms, ms }) {
	const incident = model.incidents.find((one) => one.id === id);
	if (incident) incident.cut = { n: done, of: total, p50_ms: p50_ms ?? ms, last_ms: last_ms ?? ms };
	return ['incidents', 'picture'];
}

function released({ id, phase, by, reason }) {
	const incident = model.incidents.find((one) => one.id === id);
	if (incident) incident.release = { ...incident.release, by, reason, phase };
	return ['incidents', 'release'];
}

// Which parts have to be shown again.
export function happened(name, data) {
	switch (name) {
	case 'hb':
		model.t = data.t;
		model.clock = data.t - Date.now();
		return [];
	case 'nodes': return rowsChanged(data);
	case 'join':
		joined(data);
		return ['nodes', 'places', 'picture'];
	case 'leave':
		model.gone[data.idx] = true;
		model.index.delete(model.name[data.idx]);
		arrange();
		return ['nodes', 'places', 'picture'];
	case 'threat':
		put(model.threats, data, (one) => one.n === data.n, THREATS_MOST);
		return ['threats'];
	case 'incident': return incidentChanged(data);
	case 'vote': return voted(data);
	case 'cut': return cut(data);
	case 'blocked':
		put(model.blocked, data, (one) => one.source === data.source, BLOCKED_MOST);
		return ['blocked'];
	case 'feed':
		model.feed = { entries: data.entries, head: data.head };
		return ['feed'];
	case 'release': return released(data);
	default: return [];
	}
}
