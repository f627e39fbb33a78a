// worker: the hub in a SharedWorker.  HTTP/1.1 gives a browser six connections
// a host; a stream a tab would leave the seventh tab hanging.
import { makeHub } from './hub.js';

const join = makeHub();
self.onconnect = (event) => join(event.ports[0]);
