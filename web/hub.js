// hub: one stream for all tabs.  A tab loads the state itself, then says from
// which event on it wants to hear; the hub keeps the last events for that.
import { Refused, readStream } from './stream.js';

const KEPT_MOST = 2000;
const PATIENCE = { gone: [250, 2000], refused: [1000, 16000] }; // first and longest wait, ms

export function makeHub() {
	const tabs = new Set();
	let kept = [];          // events in order, the newest last
	let epoch = 0, seq = 0; // of the newest event received
	let floor = 0;          // kept holds all events after this one
	let running = false, trouble = null;

	const tellAll = (message) => {
		for (const tab of tabs) tab.postMessage(message);
	};

	// Nobody may go on from here: all tabs load the state again.
	function reset() {
		epoch = 0;
		kept = [];
		tellAll({ kind: 'reset' });
	}

	function deliver(block) {
		if (block.event === 'reset') {
			reset();
			return;
		}
		const [of, n] = (block.id ?? '').split(':').map(Number);
		if (Number.isFinite(n)) {
			if (of !== epoch || n !== seq + 1) {
				if (of === epoch && n <= seq) return; // again, after a resume
				reset();
				return;
			}
			seq = n;
			kept.push({ kind: 'event', epoch, seq, name: block.event, data: block.data });
			if (kept.length > KEPT_MOST) floor = kept.shift().seq;
			tellAll(kept.at(-1));
		} else {
			tellAll({ kind: 'event', epoch, seq, name: block.event, data: block.data });
		}
	}

	const opened = () => { trouble = null; };

	async function run() {
		running = true;
		for (let tries = 0; epoch !== 0 && tabs.size > 0;) {
			const before = seq, started = Date.now();
			let why;
			try {
				await readStream(`${epoch}:${seq}`, opened, (block) => {
					deliver(block);
					if (epoch === 0) throw new Error('reset');
				});
			} catch (error) {
				why = error;
			}
			if (epoch === 0) break; // goes on when a tab has the new state
			if (seq > before || Date.now() - started > 5000) tries = 0;
			const [first, most] = why instanceof Refused ? PATIENCE.refused : PATIENCE.gone;
			const wait = Math.min(most, first * 2 ** tries++);
			trouble = { kind: 'trouble', status: why.status ?? 0, text: why.message, retry_ms: wait };
			tellAll(trouble);
			await new Promise((done) => { setTimeout(done, wait); });
		}
		running = false;
		if (epoch !== 0 && tabs.size > 0) void run();
	}

	function begin(tab, from) {
		if (epoch === 0) {
			[epoch, seq] = from;
			floor = seq;
			if (!running) void run();
		} else if (from[0] !== epoch || from[1] < floor) {
			// Its state is of another life, or older than what is kept.
			if (from[0] > epoch) reset();
			else tab.postMessage({ kind: 'reset' });
			return;
		}
		for (const event of kept)
			if (event.seq > from[1]) tab.postMessage(event);
		if (trouble) tab.postMessage(trouble);
		if (!running) void run();
	}

	return (tab) => {
		tab.onmessage = ({ data }) => {
			if (data.leave) tabs.delete(tab);
			else {
				tabs.add(tab);
				begin(tab, data.since);
			}
		};
	};
}
