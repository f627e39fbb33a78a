/*
 * limits: every length, queue, retry and period of Phalanx, in one place.
 * docs/protocol.md refers to these names.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* sizes on the wire */
#define LIMIT_ENVELOPE_BYTES  (64 * 1024) /* one Envelope, serialised */
#define LIMIT_BODY_BYTES      (LIMIT_ENVELOPE_BYTES - 128)
#define LIMIT_EVIDENCE_BYTES  512         /* copied into a statement */
#define LIMIT_SYNC_ITEMS      64          /* envelopes in one SyncItems */
#define LIMIT_SYNC_BYTES      (48 * 1024) /* their total size */
#define LIMIT_PING_HEADS      8
#define LIMIT_SYNC_BUCKETS    256
#define LIMIT_NAME_BYTES      128
#define LIMIT_ADDRESSES       8           /* a member */
#define LIMIT_MEMBERS         10000
#define LIMIT_WEIGHT          64          /* a head's */
#define LIMIT_CERTIFICATE_SIGNERS 1000
#define LIMIT_ROSTER_BYTES    (8 * 1024 * 1024)
#define LIMIT_FULL_MESH       64          /* members; rings above */
#define LIMIT_RINGS           10          /* a member has at most two links on each */
#define LIMIT_REASON_BYTES    512         /* of a Release */
#define LIMIT_ROSTER_PART_BYTES (48 * 1024)
#define LIMIT_ROSTER_RECORD_BYTES (256 * 1024) /* an epoch of LIMIT_MEMBERS */

/* time, milliseconds unless named otherwise */
#define LIMIT_WINDOW_S        600
#define LIMIT_FRESH_MS        (30 * 1000)        /* on the author's own link */
#define LIMIT_RELAYED_MS      (10 * 60 * 1000)   /* relayed or synced */
#define LIMIT_GROUNDS_MS      (10 * 60 * 1000)   /* how long grounds last */
#define LIMIT_LOCAL_CUT_MS    (15 * 60 * 1000)   /* L0 */
#define LIMIT_RESTRICT_MS     (10 * 60 * 1000)   /* L1 */
#define LIMIT_RESTRICT_SPAN_MS (60 * 1000)       /* its statements lie within */
#define LIMIT_EPOCH_CROSSING_MS (10 * 60 * 1000) /* tallies of the epoch before go on */
#define LIMIT_PROBATION_MS    (24 * 60 * 60 * 1000) /* from the first enrolment; founders have none */
#define LIMIT_INDICATOR_S     (24 * 60 * 60)
#define LIMIT_INDICATOR_OWN_S (4 * 60 * 60)      /* what this node asks for */
#define LIMIT_SEVER_DELAY_MS  50
#define LIMIT_RELAY_DELAY_MS  20
#define LIMIT_RELAY_TURN_MS   10                 /* the next f + 1 relay, if nobody was heard to */
#define LIMIT_FIRST_SYNC_MS   (30 * 1000)
#define LIMIT_PRECAUTION_MS   (24 * 60 * 60 * 1000)
#define LIMIT_VOTE_BUDGET_MS  (24 * 60 * 60 * 1000)
#define LIMIT_CLOCK_SKEW_MS   (10 * 1000)
#define LIMIT_PING_MS         500                /* LIMIT_FULL_MESH members or fewer */
#define LIMIT_PING_LARGE_MS   1000
#define LIMIT_PING_MISSES     3
#define LIMIT_HEALTH_MAX      8                  /* Lifeguard's multiplier */
#define LIMIT_SYNC_MS         (10 * 1000)
#define LIMIT_SYNC_AGAIN_MS   100  /* between two exchanges with one peer */
#define LIMIT_SYNC_MESSAGES   4    /* SyncItems in answer to one SyncBuckets */
#define LIMIT_SYNC_SETTLE_MS  1000 /* equal roots for so long are first sync */
#define LIMIT_TREE_MS         (LIMIT_RELAYED_MS - LIMIT_FRESH_MS) /* statements and verdicts in the tree */
#define LIMIT_APPEND_RETRY_MS 200
#define LIMIT_ROSTER_ASK_MS   5000         /* without a proven record: another peer is asked */
#define LIMIT_ROSTER_RETRY_MS (60 * 1000)  /* and this one not for so long */

/* state */
#define LIMIT_REPLAY_WINDOW    1024 /* sequences an author */
#define LIMIT_HELD_OBJECTS     65536
#define LIMIT_HELD_SHARE       16   /* an author: this part of the room that is left */
#define LIMIT_HELD_PER_AUTHOR  (LIMIT_HELD_OBJECTS / LIMIT_HELD_SHARE)
#define LIMIT_PENDING_APPENDS  64
#define LIMIT_PENDING_PROOFS   16
#define LIMIT_PENDING_RECEIPTS 64
#define LIMIT_WANTED_INDICATORS 64
#define LIMIT_STATEMENTS_PER_INCIDENT 256
#define LIMIT_CORE_ACTIONS     512  /* one step */
#define LIMIT_LOCAL_CUTS       65536 /* addresses outside the mesh */
#define LIMIT_EPOCHS_ACCEPTED  2
#define LIMIT_INDICATORS       10000 /* blocked at a time */
#define LIMIT_INDICATORS_PER_H 100   /* a reporter */
#define LIMIT_INDICATOR_REPORTS 65536 /* standing; one reporter: a sixteenth of the room that is left */
#define LIMIT_PENDING_RELAYS   512  /* urgent objects waiting for LIMIT_RELAY_DELAY_MS: a full mesh has five liars, each with LIMIT_URGENT_BURST */
#define LIMIT_SELF_REPORTS     32   /* of one kind, of one author, the earliest */
#define LIMIT_RELEASES         16   /* operators' requests for one subject, the latest */
#define LIMIT_RESTORE_WAITING  1024 /* entries from disk that wait for the round that they name */
#define LIMIT_TOUCH_REPEAT_MS  1000 /* one source, one decoy: counted, not reported again */

/* budgets */
#define LIMIT_ENTRIES_PER_S     10 /* an author, any link */
#define LIMIT_ENTRIES_BURST     100
#define LIMIT_URGENT_BURST      64 /* an author's reserve for urgent objects */
#define LIMIT_CALLS_PER_S       10 /* a source address: handshakes and calls */
#define LIMIT_CALLS_BURST       20
#define LIMIT_CHECKS_PER_S      1000 /* signatures a link may have us check */
#define LIMIT_CHECKS_BURST      16384
#define LIMIT_REFUSALS_PER_S    10   /* of a link, told to people; all are counted */
#define LIMIT_REFUSALS_BURST    40
#define LIMIT_BAD_SIGNATURE_COST 10
#define LIMIT_BAD_SIGNATURES    10 /* close the link */

/* net */
#define LIMIT_LINKS             256
#define LIMIT_HANDSHAKES        64  /* not yet authenticated */
#define LIMIT_HANDSHAKE_MS      5000
#define LIMIT_IDLE_MS           (30 * 1000)
#define LIMIT_STREAMS           128
#define LIMIT_HEADER_LIST_BYTES 8192
#define LIMIT_LINK_QUEUE_BYTES  (1024 * 1024)
#define LIMIT_DIAL_MIN_MS       100
#define LIMIT_DIAL_MAX_MS       5000
#define LIMIT_DIAL_PORTS        256 /* local ports reserved for dialling */
#define LIMIT_BUCKETS           4096 /* source addresses with a token bucket */
#define LIMIT_HANDSHAKES_PER_ADDRESS 8
#define LIMIT_CONNECTIONS_PER_MEMBER 4 /* the link and calls beside it */
#define LIMIT_ACCEPTS           16 /* a wake-up */
#define LIMIT_READS             8  /* of one connection, a wake-up */
#define LIMIT_UNACKED_MS        (10 * 1000) /* TCP_USER_TIMEOUT */
#define LIMIT_ALARM_MS          1000 /* a source: one alarm, not more */
#define LIMIT_FLUSHES           16   /* MSG_FLUSH under way */
#define LIMIT_VOTE_BYTES        (LIMIT_ENVELOPE_BYTES + 512)
#define LIMIT_VOTES_WAITING     64
#define LIMIT_VOTE_MS           2000
#define LIMIT_COORDINATOR_QUEUE_BYTES (1024 * 1024)
#define LIMIT_COORDINATOR_WAIT_MS (60 * 1000) /* in the queue */
#define LIMIT_COORDINATOR_QUEUE 256
#define LIMIT_COORDINATOR_REPLY_BYTES (64 * 1024)
#define LIMIT_COORDINATOR_MS    3000
#define LIMIT_LATER_MS          3  /* peers' entries and log lines are written after the mesh has cut */
#define LIMIT_CUT_WAIT_MS       20 /* what a touch made this host sign waits for its own cut */
#define LIMIT_REPORT_DELAY_MS   30 /* people are told after the mesh has cut */
#define LIMIT_HEARTBEAT_MS      5000
#define LIMIT_REGISTER_MS       (30 * 1000) /* under LIMIT_REGISTER_AGE_S: a registration that is told of is always fresh */
#define LIMIT_REGISTER_RETRY_MS 250 /* who is refused tries again, each time after twice as long, up to a heartbeat */

/* decoys */
#define LIMIT_DECOYS             16
#define LIMIT_CAPTURE_BYTES      4096
#define LIMIT_DECOY_CONNECTIONS  256
#define LIMIT_DECOY_LINGER_MS    2000
#define LIMIT_DECOY_SOURCES      256  /* remembered for the budget below */
#define LIMIT_DECOY_TOUCHES      20   /* a source and second; more are closed and counted */

/* advice: the analyser as the node sees it */
#define LIMIT_HINT_BYTES         128  /* of a banner, a user's name, a path: what a client says of itself */
#define LIMIT_SAMPLE_BYTES       LIMIT_EVIDENCE_BYTES /* of what was captured, shown to the analyser */
#define LIMIT_REJECTION_BYTES    32   /* why an answer of the model was not taken, as a word */
#define LIMIT_ADVICE_SOURCES     32   /* sources with an event that is asked about, or was of late */
#define LIMIT_ADVICE_QUIET_MS    (10 * 1000) /* one question a source, repeats are counted */
#define LIMIT_ADVICE_GAP_MS      100 /* between two questions */
#define LIMIT_ADVICE_CAPTURE_MS  (LIMIT_DECOY_LINGER_MS + 500) /* a question waits for the rest of what came */
#define LIMIT_ADVICE_WAIT_MS     (30 * 1000) /* for an analyser that is away, retries included */
#define LIMIT_ADVICE_SLACK_MS    2000 /* an answer may come so much later than the model's deadline */
#define LIMIT_ADVICE_DIAL_MIN_MS 100
#define LIMIT_ADVICE_DIAL_MAX_MS (10 * 1000)
#define LIMIT_ADVICE_REPLY_BYTES 4096
#define LIMIT_ADVICE_READ_BYTES  (64 * 1024) /* of one answer, framing and all */
#define LIMIT_OPINIONS_KEPT      16   /* shown by phalanx incidents */

/* watch */
#define LIMIT_WATCH_MS           1000
#define LIMIT_TELEMETRY_MS       5000 /* told at least so often */
#define LIMIT_TELEMETRY_POINTS   0.5f /* and when it moved so far */

/* processes */
#define LIMIT_IPC_BYTES          (LIMIT_ENVELOPE_BYTES + 512)
#define LIMIT_IPC_QUEUE          1024 /* messages waiting for one peer */
#define LIMIT_RESTART_MIN_MS     50
#define LIMIT_RESTART_MAX_MS     10000
#define LIMIT_CHILD_READY_MS     5000
#define LIMIT_CHILD_STOP_MS      1000
#define LIMIT_CHILD_HEALTHY_MS   (60 * 1000) /* after that a restart is quick again */
#define LIMIT_RESOLVE_MS         1500        /* start waits so long for a name server */
#define LIMIT_RESOLVE_RETRY_MS   (30 * 1000)
#define LIMIT_MANAGEMENT         32
#define LIMIT_IGNORED            32
#define LIMIT_DNS                8
#define LIMIT_PATH_BYTES         256
#define LIMIT_NEIGHBOURS         1024

/* hooks: the operator's command at a quarantine */
#define LIMIT_HOOK_COMMAND_BYTES 1024
#define LIMIT_HOOK_ARGUMENTS     32
#define LIMIT_HOOK_TIMEOUT_S     3600 /* what may be configured at most */
#define LIMIT_HOOK_QUEUE         64   /* incidents waiting for the one that is being acted upon */
#define LIMIT_HOOK_RECORDS       65536 /* incidents remembered, for ever */
#define LIMIT_HOOK_OUTPUT_BYTES  (16 * 1024) /* of one run, written to the log */
#define LIMIT_HOOK_DRAIN_BYTES   (1024 * 1024) /* of one run, read at all */
#define LIMIT_HOOK_LINE_BYTES    512
#define LIMIT_HOOK_LINGER_MS     500  /* for the rest of its output after it ended */
#define LIMIT_HOOK_CERTIFICATE_BYTES (40 * 1024) /* handed over; a longer one stays where it is */
#define LIMIT_HOOK_VOTERS        64   /* named */

/* enforcement */
#define LIMIT_RECONCILE_MS       5000
#define LIMIT_SUBJECTS           LIMIT_MEMBERS
#define LIMIT_NETLINK_RETRIES    5
#define LIMIT_ENFORCE_RETRY_MS   200  /* after the kernel refused a cut */
#define LIMIT_DESTROY_DELAY_MS   5    /* a drop is in force; its sockets are walked when the mesh has cut too */
#define LIMIT_ENFORCE_MS         (7ULL * 24 * 60 * 60 * 1000) /* the longest timed cut */
#define LIMIT_NETLINK_BATCH      128  /* elements in one transaction */
#define LIMIT_NETLINK_MS         2000 /* waiting for one answer of the kernel */
#define LIMIT_NFT_LOAD_S         10   /* the child that loads the rules */
#define LIMIT_DEVICES            256  /* as NFT_NETDEVICE_MAX */
#define LIMIT_OWN_ADDRESSES      4096
#define LIMIT_ENFORCED           (LIMIT_SUBJECTS + LIMIT_LOCAL_CUTS)

/* the feed on disk */
#define LIMIT_RECEIVED_BYTES     (1024ULL * 1024 * 1024)
#define LIMIT_LINE_BYTES         (128 * 1024)

/* analyser */
#define LIMIT_MODEL_NAME_BYTES   128
#define LIMIT_MODEL_DEADLINE_MS  (60 * 1000) /* what may be configured at most */
#define LIMIT_MODEL_REPLY_BYTES  (64 * 1024)
#define LIMIT_MODEL_DIGEST_BYTES 80
#define LIMIT_MODEL_TOKENS       96          /* of an answer */
#define LIMIT_MODEL_CONTEXT      2048        /* tokens of prompt and answer */
#define LIMIT_MODEL_TOKEN_BYTES  4096        /* the bearer token's file */
#define LIMIT_WARM_UP_MS         (5 * 60 * 1000)  /* loading a model, apart from requests */
#define LIMIT_WARM_MS            (29 * 60 * 1000) /* its server keeps it for 30 min */
#define LIMIT_REASON_BYTES       512         /* of the model's reason */
#define LIMIT_PROMPT_BYTES       6144
#define LIMIT_PROMPT_TEXT_BYTES  128         /* a stranger's string in a prompt, escaped */
#define LIMIT_EVENT_TEXT_BYTES   256         /* what is kept of one to derive features from */
#define LIMIT_EVENT_CAPTURE_BYTES 512
#define LIMIT_TELEMETRY_BYTES    (32 * 1024) /* one AnalyzeTelemetry */
#define LIMIT_SIDECAR_CONNECTIONS 64
#define LIMIT_SIDECAR_CALLS      1024        /* waiting for an answer */
#define LIMIT_ADVICE_QUEUE       32          /* events waiting for the model */
#define LIMIT_ADVICE_PER_MINUTE  6           /* a source */
#define LIMIT_OPINIONS           1024        /* remembered ... */
#define LIMIT_OPINION_MS         (10 * 60 * 1000) /* ... so long */
#define LIMIT_BREAKER_WINDOW     10          /* exchanges looked at */
#define LIMIT_BREAKER_FAILURES   5
#define LIMIT_BREAKER_MIN_MS     (30 * 1000)
#define LIMIT_BREAKER_MAX_MS     (10 * 60 * 1000)

/* coordinator */
#define LIMIT_HTTP_BODY_BYTES    (64 * 1024)
#define LIMIT_HTTP_CONNECTIONS   (LIMIT_MEMBERS + 2000) /* at once: each node keeps one, and people; then the one silent for longest gives way */
#define LIMIT_HTTP_PER_ADDRESS   64   /* of them; an IPv6 network of 64 bits is one address */
#define LIMIT_HTTP_PER_LOOPBACK  8000 /* where a proxy may stand for many */
#define LIMIT_HTTP_RESERVE       512  /* descriptors: the store, accept(), and who is leaving */
#define LIMIT_HTTP_REQUEST_MS    10000 /* from one answer to the next: headers, body, silence and all */
#define LIMIT_HTTP_PER_S         50   /* requests of an address, not of loopback */
#define LIMIT_HTTP_BURST         400
#define LIMIT_HTTP_UPLOAD_BYTES  (64 * 1024 * 1024) /* bodies that are coming in, all together */
#define LIMIT_REPORTS_SHOWN      200
#define LIMIT_REPORTS_KEPT       100000
#define LIMIT_PACK_FROM_BYTES    1400 /* shorter answers go out as they are */
#define LIMIT_LINES_KEPT         200000 /* of the coordinator's own log */
#define LIMIT_LINES_PAGE         500
#define LIMIT_PURGED             256    /* rows of a kind in one step */
#define LIMIT_PURGE_MS           60000  /* looked for so often, ... */
#define LIMIT_PURGE_STEP_MS      20     /* and while there is more */
#define LIMIT_KEEP_DAYS          90     /* unless keep_days says otherwise */
#define LIMIT_INCIDENT_ENTRIES   1024   /* looked at for one incident's account */
#define LIMIT_PEERS_ACTIVE_MS    15000
#define LIMIT_TOPOLOGY_MS        10000
#define LIMIT_REGISTER_AGE_S     60
#define LIMIT_REGISTER_AHEAD_S   5
#define LIMIT_PEERS_ANSWERED     128  /* told to one that registers, in turn: the answer stays under LIMIT_COORDINATOR_REPLY_BYTES */
#define LIMIT_REPORTS_PAGE       1000 /* ?limit= at most */
#define LIMIT_HTTP_DRAIN_BYTES   (1024 * 1024) /* of a body that is refused for its size */
#define LIMIT_HTTP_NONCES        4096 /* signed requests a node in LIMIT_REGISTER_AGE_S */
#define LIMIT_HTTP_PAUSE_MS      100  /* no accept() after it failed for want of descriptors */
#define LIMIT_RETELLERS          16   /* members that a coordinator with a new file asks for what they hold */
#define LIMIT_RETELL_MS          (60 * 1000) /* a node tells all that it holds so often at most */
#define LIMIT_STRANGER_MS        (24 * 60 * 60 * 1000) /* an unenrolled name is kept unseen */
#define LIMIT_STRANGERS_PER_ADDRESS 256 /* names; an IPv6 network of 64 bits is one address, loopback has no bound */
#define LIMIT_STRANGER_SHOWN_MS  (10 * 60 * 1000)
#define LIMIT_INCIDENTS_SHOWN    200
#define LIMIT_VOICES_SHOWN       64   /* voters or witnesses named in one incident */
#define LIMIT_STATE_MS           200  /* how long a composed answer is served again, when ... */
#define LIMIT_STATE_NODES        256  /* ... more nodes than this are known */
#define LIMIT_EVENTS             2000 /* kept for pages whose stream broke */
#define LIMIT_EVENTS_BYTES       (8 * 1024 * 1024)
#define LIMIT_EVENT_LISTENERS    1024
#define LIMIT_CHANGES_MS         250  /* between two events that tell how nodes are */
#define LIMIT_CHANGES_IDLE_MS    1000 /* and when nothing was said: silence is a change */
#define LIMIT_INCIDENT_TOLD_MS   50   /* changes of an incident are gathered for so long */
#define LIMIT_INCIDENTS_DIRTY    64   /* of so many */
#define LIMIT_IDS_SHOWN          1000 /* nodes whose ids are in a snapshot */
#define LIMIT_THREATS_SHOWN      100
#define LIMIT_BLOCKED_SHOWN      200
#define LIMIT_EVENT_GATHER_MS    20   /* events that follow each other go out together */
#define LIMIT_EVENT_BEAT_MS      2000
#define LIMIT_SESSIONS           64   /* signed in at the page */
#define LIMIT_SESSIONS_EACH      8    /* of one operator */
#define LIMIT_LINK_MS            (60 * 1000) /* until which a link is followed */
#define LIMIT_SESSION_MS         (24 * 60 * 60 * 1000)
#define LIMIT_SESSION_IDLE_MS    (8 * 60 * 60 * 1000)
#define LIMIT_ASKS               64   /* releases that wait for an operator's answer */
#define LIMIT_ASKS_EACH          8    /* of one session */
#define LIMIT_ASK_MS             (5 * 60 * 1000)
#define LIMIT_LISTEN_MS          8000 /* a wait for an ask; below LIMIT_HTTP_REQUEST_MS */
#define LIMIT_LISTEN_GAP_MS      5000 /* between two waits */
#define LIMIT_WEB_MS             5000 /* phalanx dashboard waits so long for an answer */
#define LIMIT_EVICTED            64   /* entries in one step */

#endif
