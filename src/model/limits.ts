/** Every bound of the node that is no setting, each with its reason. Bytes unless the name says otherwise. */
export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** Blocks that O_DIRECT wants on every disk in use: offset, length and memory are multiples of it. */
export const BLOCK_BYTES = 4096;
/** A frame's length is checked against this before anything is allocated (default of limits.frameBytes). */
export const FRAME_BYTES_MAX = 16 * MIB;
/** Before hello a connection needs no more than this. */
export const FRAME_BYTES_BEFORE_HELLO_MAX = 8 * KIB;
/** Fields (all but raw batches) of one request: 10,000 places at less than 100 bytes. Decoding costs a multiple of it. */
export const FIELDS_BYTES_MAX = MIB;
/** Records of one fetch answer that a client may ask for; a single larger batch is given all the same. */
export const FETCH_BYTES_MAX = 16 * MIB;
/** Longest answer: a fetch with one batch too many, or the list of very many topics. Clients refuse longer ones. */
export const ANSWER_BYTES_MAX = 64 * MIB;
/** Batches below this are gathered in the shard's journal; above, one large write beats the second copy. */
export const JOURNALED_BATCH_BYTES_MAX = 64 * KIB;
/** Bytes of a message that a ring record carries itself; longer ones are described by their place in an arena. */
export const INLINE_BYTES_MAX = 4 * KIB;
/** Wrong records that are named to who sent them, in one request, beyond one for each batch: so that an answer stays small. */
export const RECORD_FAULTS_MAX = 1_000;
/** Kafka's default for one batch. */
export const BATCH_BYTES_DEFAULT = MIB;
/** Records of a batch once it is opened: as many as one that is not compressed may have. A small batch must not fill memory. */
export const OPENED_BATCH_BYTES_MAX = 8 * MIB;
/** Topic and group names: Kafka's bound, so that file names with a suffix still fit. */
export const NAME_CHARS_MAX = 249;
/** Client, member and instance ids. */
export const CLIENT_ID_CHARS_MAX = 255;
/** Requests of one connection that wait for an answer; the socket is not read beyond. */
export const REQUESTS_IN_FLIGHT_MAX = 256;
/** Bytes waiting to be sent to one client; it is not served beyond until it reads. */
export const OUTBOX_BYTES_MAX = 32 * MIB;
/** Topics of the cluster: every shard keeps the list of all. */
export const TOPICS_MAX = 100_000;
/** Partitions of all topics together: every shard knows each of its own by id. */
export const PARTITIONS_MAX = 1_000_000;
/** Bytes of requests of one connection that wait for an answer: one connection should not hold all memory. */
export const REQUEST_BYTES_IN_FLIGHT_MAX = 64 * MIB;
/** A connection that has not said hello by then is closed, ms. */
export const HELLO_MS_MAX = 10_000;
/** A frame that has begun must have ended by then, ms: nobody holds memory by sending a byte now and then. */
export const FRAME_MS_MAX = 30_000;
/** A connection without requests is closed after this, ms; as Kafka's. */
export const IDLE_MS_MAX = 600_000;
/** The operating system must have taken a write of at most {@link WRITE_BYTES_MAX} by then, ms: the client does not read. */
export const WRITE_MS_MAX = 60_000;
/** Bytes handed to a socket at a time, so that slow clients are told from those that do not read. */
export const WRITE_BYTES_MAX = MIB;
/** Partitions of one topic: one command should not exhaust the node. */
export const PARTITIONS_PER_TOPIC_MAX = 10_000;
/** Partitions named in one request. */
export const PARTITIONS_PER_REQUEST_MAX = 10_000;
/** Names looked up in one request, each of up to {@link NAME_CHARS_MAX}. */
export const NAMES_PER_REQUEST_MAX = 1_000;
/** Fetch sessions of one connection. */
export const FETCH_SESSIONS_MAX = 16;
/** Longest wait that a client may ask for. */
export const WAIT_MS_MAX = 60_000;
/** Groups of one coordinator, of which there are 16: clients make groups by naming them. */
export const GROUPS_PER_COORDINATOR_MAX = 10_000;
/** Groups of one coordinator that have settings of their own, whether anybody is in them or not. */
export const GROUP_SETTINGS_PER_COORDINATOR_MAX = 1_000;
/** Members of one group. */
export const GROUP_MEMBERS_MAX = 10_000;
/** What the groups of one coordinator may hold in memory: wishes of members, committed offsets and their metadata. */
export const GROUP_BYTES_PER_COORDINATOR_MAX = 16 * MIB;
/** Bytes that the members of one coordinator's classic groups tell each other, metadata and assignments together. */
export const GROUP_BYTES_MAX = 16 * MIB;
/** Of that, what one member may tell: thousands of partitions by name. */
export const MEMBER_BYTES_MAX = MIB;
/** Ways of assigning that one member may offer. */
export const MEMBER_PROTOCOLS_MAX = 32;
/** Length of a pattern of topic names. */
export const PATTERN_CHARS_MAX = 1_000;
/** Topics one member may subscribe to. */
export const SUBSCRIPTIONS_MAX = 1_000;
/** Metadata string kept with a committed offset. */
export const COMMIT_METADATA_CHARS_MAX = 4_096;
/** Batches remembered for each producer, as Kafka's. */
export const PRODUCER_BATCHES_KEPT = 5;
/** Producers remembered for each partition; the longest unused goes first. */
export const PRODUCERS_PER_PARTITION_MAX = 10_000;
/** Transactional ids of one coordinator, of which there are 16: producers make them by naming them. */
export const TRANSACTIONS_PER_COORDINATOR_MAX = 10_000;
/** Length of a transactional id. */
export const TRANSACTIONAL_ID_CHARS_MAX = 1_000;
/** Partitions of one transaction, and groups: each takes a message and a write at its end. */
export const TRANSACTION_PLACES_MAX = 10_000;
export const TRANSACTION_GROUPS_MAX = 1_000;
