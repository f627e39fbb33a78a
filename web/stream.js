// stream: one reading of the coordinator's events.  EventSource hides why it
// was refused and then stops for good; fetch tells both status and reason.
const SILENCE_MS = 6000; // the coordinator beats every 2 s

export class Refused extends Error {
	constructor(status, reason) {
		super(reason);
		this.status = status;
	}
}

async function reasonOf(answer) {
	try {
		return String((await answer.json()).error ?? '').slice(0, 300);
	} catch {
		return '';
	}
}

// Blocks of "field: value" lines; what is no event (comments) yields nothing.
export function makeParser(deliver) {
	let rest = '', block = {};
	return (text) => {
		const lines = (rest + text).split('\n');
		rest = lines.pop();
		for (const line of lines) {
			if (line === '') {
				if (block.data !== undefined) deliver(block);
				block = {};
			} else if (!line.startsWith(':')) {
				const colon = line.indexOf(':');
				block[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
			}
		}
	};
}

// Reads until the stream ends, which is always an error: it should not.
export async function readStream(since, opened, deliver) {
	const stop = new AbortController();
	let alarm = 0;
	const heard = () => {
		clearTimeout(alarm);
		alarm = setTimeout(() => stop.abort(), SILENCE_MS);
	};
	try {
		heard();
		const answer = await fetch(`/api/v1/events?since=${since}`, { signal: stop.signal, cache: 'no-store' });
		if (!answer.ok) throw new Refused(answer.status, await reasonOf(answer));
		opened();
		const parse = makeParser(deliver), decoder = new TextDecoder(), reader = answer.body.getReader();
		for (;;) {
			const { done, value } = await reader.read();
			if (done) throw new Error('the coordinator closed the stream');
			heard();
			parse(decoder.decode(value, { stream: true }));
		}
	} catch (error) {
		if (error instanceof Refused) throw error;
		if (stop.signal.aborted) throw new Error('the coordinator says nothing');
		throw new Error(error instanceof TypeError ? 'the coordinator does not answer' : error.message);
	} finally {
		clearTimeout(alarm);
		stop.abort();
	}
}
