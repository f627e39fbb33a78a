// client: this tab's side of the hub: the state, then every event once, in order.
const WAIT_MS = [250, 2000], PATIENCE_MS = 8000;
const WORKER = '/worker.js';

// The one address from which this page lets itself run code.
const policy = globalThis.trustedTypes?.createPolicy('phalanx', {
	createScriptURL(url) {
		if (url !== WORKER) throw new TypeError(`not a script of this page: ${url}`);
		return url;
	},
});

function openPort() {
	if (typeof SharedWorker === 'function')
		return new SharedWorker(policy ? policy.createScriptURL(WORKER) : WORKER, { type: 'module', name: 'phalanx/1' }).port;
	const { port1, port2 } = new MessageChannel();
	void import('./hub.js').then(({ makeHub }) => makeHub()(port1)); // a browser without: a stream a tab
	return port2;
}

export async function ask(path, options = {}) {
	const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS), ...options });
	if (answer.ok) return answer.json();
	const error = new Error((await answer.json().catch(() => ({}))).error || `${path} answers ${answer.status}`);
	error.status = answer.status;
	throw error;
}

// loaded(snapshot); happened(name, data); heard(); troubled({ status, text, retry_ms })
export function follow({ loaded, happened, heard, troubled }) {
	const port = openPort();
	let epoch = 0, seq = 0, loading = false;

	async function load() {
		if (loading) return;
		loading = true;
		for (let wait = WAIT_MS[0]; ; wait = Math.min(2 * wait, WAIT_MS[1])) {
			try {
				const snapshot = await ask('/api/v1/state');
				if (snapshot.v !== 1) throw new Error(`the coordinator speaks version ${snapshot.v}: load this page anew`);
				({ epoch, seq } = snapshot);
				loaded(snapshot);
				break;
			} catch (error) {
				const gone = error.name === 'TimeoutError' || error instanceof TypeError;
				troubled({ status: error.status ?? 0, text: gone ? 'the coordinator does not answer' : error.message, retry_ms: wait });
				await new Promise((done) => { setTimeout(done, wait); });
			}
		}
		loading = false;
		port.postMessage({ since: [epoch, seq] });
	}

	function take(event) {
		if (event.epoch !== epoch) return void load();
		if (event.name === 'hb') {
			// What the coordinator has told by now and we have not heard is lost.
			const beat = JSON.parse(event.data);
			if (beat.seq > seq) return void load();
			heard();
			return happened('hb', beat);
		}
		if (event.seq <= seq) return; // the state had it
		if (event.seq !== seq + 1) return void load();
		seq = event.seq;
		heard();
		happened(event.name, JSON.parse(event.data));
	}

	port.onmessage = ({ data }) => {
		if (loading) return; // asks for what it missed when it has the state
		if (data.kind === 'reset') void load();
		else if (data.kind === 'trouble') troubled(data);
		else if (data.kind === 'event') take(data);
	};
	addEventListener('pagehide', () => port.postMessage({ leave: true }));
	addEventListener('pageshow', (event) => {
		if (event.persisted) void load();
	});
	void load();
}
