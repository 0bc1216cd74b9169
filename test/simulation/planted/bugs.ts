/**
 * Bugs to be planted, one replacement in one file each: what stands there, what stands there then, and why that is wrong.
 * The harness is the same with and without; each must be caught within the seeds, or by the test that is meant for it.
 */
export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly old: string;
  readonly planted: string;
  readonly why: string;
  /** The test that is meant for it, where no seed can show it. */
  readonly test?: string;
}

export const bugs: readonly PlantedBug[] = [
  {
    name: 'ack before fsync',
    file: 'actors/journal/file.ts',
    old: 'const file = durable ? this.#handles.durable : this.#handles.plain;',
    planted: 'const file = durable ? this.#handles.plain : this.#handles.plain;',
    why: 'what was answered is with the disk and would not survive a power cut',
  },
  {
    name: 'checksum not looked at',
    file: 'src/log/entry.ts',
    old: "return crcHolds(bytes, at, crc32c) ? null : 'checksum';",
    planted: 'return crc32c.length < 0 ? null : null;',
    why: 'flipped bits are served as if they were the records',
  },
  {
    name: 'producers forgotten at a start',
    file: 'actors/partition/producers-rebuild.ts',
    old: '    this.producers.append(batch);\n',
    planted: '',
    why: 'a retry after a crash is stored a second time',
  },
  {
    name: 'group offsets go back',
    file: 'src/group/offsets.ts',
    old: '      offset > before.offset ||',
    planted: '      offset !== before.offset ||',
    why: 'a late commit takes a group back to what it has done',
  },
  {
    name: 'tail cut below the durable offset',
    file: 'src/log/journal-scan.ts',
    old: 'if (group.number > durable && (!group.clean || hole))',
    planted: 'if (group.number >= durable)',
    why: 'a start throws away the last group that was promised',
  },
  {
    name: 'entry not bound to its partition',
    file: 'actors/journal/recovery.ts',
    old: 'if (batch.entry.partition === partition && batch.entry.next > offset) batches.push(batch);',
    planted: 'if (batch.entry.next > offset) batches.push(batch);',
    why: 'a partition comes back with the batches of its neighbours',
  },
  {
    name: 'slot freed while it is written',
    file: 'actors/connection/outbox.ts',
    old: '    this.#writing = this.#queue.splice(0, count);\n',
    planted:
      '    this.#writing = this.#queue.splice(0, count).map(({ view, holds }) => ({ view, holds: holds.filter((hold) => hold.release()) }));\n',
    why: 'whoever is leased the slot next writes into what the socket still sends',
  },
  {
    name: 'fetch beyond the committed offset',
    file: 'src/log/reading.ts',
    old: 'upTo: Offset): Located {\n  const limit = Math.min(upTo, ',
    planted: 'upTo: Offset): Located {\n  const limit = Math.min(log.end, ',
    why: 'readers are shown what is not promised and may be cut',
  },
  {
    name: 'a record skipped between two fetches',
    file: 'src/protocols/fetching.ts',
    old: '    of.next = next;\n    if',
    planted: '    of.next = (next < end ? next + 1 : next) as Offset;\n    if',
    why: 'readers never see what is there and was acknowledged',
  },
  {
    name: 'doorbell lost',
    file: 'runtime/link.ts',
    old: '    this.#ends.ring();\n',
    planted: '',
    why: 'a shard that sleeps is not told of what waits in its ring: it wakes by its own timers, so that nothing is lost but time',
    test: 'test/runtime/shard.test.ts',
  },
  {
    name: 'retention takes the active segment',
    file: 'src/log/retention.ts',
    old: 'if (segment === log.active || segment.end > log.committed) return false;',
    planted: 'if (segment === log.active) return true;',
    why: 'records that are not old enough go with the segment that is written',
    test: 'test/log/retention.test.ts',
  },
  {
    name: 'retention takes a segment too many',
    file: 'src/log/retention.ts',
    old: 'bytes - segment.bytes >= retentionBytes',
    planted: 'bytes >= retentionBytes',
    why: 'less is left than the topic asks for',
  },
  {
    name: 'era of a partition used twice',
    file: 'src/log/journal.ts',
    old: 'const era = Math.max(this.#eras.get(partition) ?? 0, this.#brokenEras.get(partition) ?? 0);',
    planted: 'const era = this.#eras.get(partition) ?? 0;',
    why: 'what the next life stores is dropped without an answer',
  },
  {
    name: 'waits for offsets that were given up',
    file: 'src/log/journal.ts',
    old: '    this.files.failed();\n',
    planted: '',
    why: 'journal and partitions wait for each other after failed fsyncs',
    test: 'test/log/journal.test.ts',
  },
  {
    name: 'large batches acked before their fsync',
    file: 'actors/partition/writer.ts',
    old: "work.durable ? 'durable log' : 'log'",
    planted: "work.durable ? 'log' : 'log'",
    why: 'a power cut takes what went past the journal, though its entry in the journal stays',
  },
  {
    name: 'window of duplicates dropped',
    file: 'src/log/producers.ts',
    old: '    this.#forgetBatches(batches);\n',
    planted: '    batches.splice(0, batches.length - 1);\n',
    why: 'a batch that is sent again behind another one is not recognised',
  },
  {
    name: 'two owners of a partition in one epoch',
    file: 'src/group/reconcile.ts',
    old: 'return owner === undefined || owner === member.id;',
    planted: "return owner === undefined || member.id !== '';",
    why: 'a partition is given on before its owner has given it up',
  },
  {
    name: 'what guests hold forgotten',
    file: 'src/group/classic/conversion.ts',
    old: 'holdingsOf(barrier, guests, topics);',
    planted: 'holdingsOf(barrier, [], topics);',
    why: 'where the node begins to assign, it gives on what those who assigned by themselves still read',
  },
  {
    name: 'static member back with nothing',
    file: 'src/group/classic/join.ts',
    old: 'now + ask.sessionMs), assignment, places };',
    planted: 'now + ask.sessionMs), ...(places === null ? { assignment } : {}) };',
    why: 'who comes back as a static member reads nothing, and nobody else reads what it had',
  },
  {
    name: 'given up for nobody',
    file: 'src/group/classic/join.ts',
    old: ' || givesUp) {',
    planted: ' || (givesUp && places === null)) {',
    why: 'what a static member was to give up before it came back is read by nobody',
  },
  {
    name: 'last stable offset too far',
    file: 'src/log/transactions.ts',
    old: 'return Math.min(first, committed) as Offset;',
    planted: 'return Math.max(first, committed) as Offset;',
    why: 'readers of committed records are shown what may be taken back',
  },
  {
    name: 'offsets committed outside their transaction',
    file: 'src/group/pending-commits.ts',
    old: "type: 'settled', producer, commit });",
    planted: "type: 'settled', producer, commit: commit || !commit });",
    why: 'a group has the offsets of a transaction that was aborted',
  },
  {
    name: 'fencing skipped',
    file: 'src/transaction/decide.ts',
    old: '  if (one.epoch !== request.epoch) return fenced(one.id, request.epoch);\n',
    planted: '',
    why: 'an instance that should be gone writes into the transaction of the one that took over',
  },
  {
    name: 'marker before its records',
    file: 'actors/partition/appends.ts',
    old: '    this.#verifications.ended(producer);\n',
    planted: '',
    why: 'a late batch comes behind the marker of its transaction, and nobody ends what it begins',
    test: 'test/actors/partition-transactions.test.ts',
  },
  {
    name: 'marker before its decision',
    file: 'actors/transactions.ts',
    old: 'if (refused === null && one !== undefined) this.#marks.begin(one);\n    });',
    planted:
      'if (refused === null && one === undefined) this.#marks.tick();\n    });\n    if (one !== undefined) this.#marks.begin(one);',
    why: 'what is told to partitions as committed may be aborted by the next start',
    test: 'test/actors/transactions.test.ts',
  },
  {
    name: 'aborted records replace committed ones',
    file: 'src/log/compacting.ts',
    old: 'isPlain(batch) && !isAborted(batch, piece.aborted) ? OpenBatch',
    planted: 'isPlain(batch) ? OpenBatch',
    why: 'compaction takes the last committed value of a key, and what replaced it was taken back',
    test: 'test/log/compaction.test.ts',
  },
  {
    name: 'compacted segment not fsynced',
    file: 'actors/partition/segment-output.ts',
    old: 'else disk.sync(this.#opened(), (failure) => step(() => this.#close(failure, named)));',
    planted: 'else this.#close(null, named);',
    why: 'a power cut takes the only copy of what was compacted',
  },
  {
    name: 'tombstone gone too early',
    file: 'src/log/compacting.ts',
    old: '<= now;\n    this.#isOver',
    planted: '<= now + 3_600_000;\n    this.#isOver',
    why: 'a reader who had its time has not seen that a key was taken out',
    test: 'test/actors/partition/compaction.test.ts',
  },
  {
    name: 'tombstone gone before what it takes out',
    file: 'actors/partition/compaction.ts',
    old: 'tombstonesMayGo: !hasDamageBefore(log, end),',
    planted: 'tombstonesMayGo: !hasDamageBefore(log, end) || end >= 0,',
    why: 'what lies in a segment with damage is the newest of its key again',
    test: 'test/actors/partition/compaction.test.ts',
  },
  {
    name: 'durable write taken for all before it',
    file: 'src/log/journal.ts',
    old: 'this.#durably = this.#allDurable && this',
    planted: 'this.#durably = (this.#allDurable || !this.#allDurable) && this',
    why: 'what was promised for later and written before is lost with the power, and leaves a hole',
    test: 'test/log/journal.test.ts',
  },
  {
    name: 'taken for damaged when it is gone',
    file: 'actors/partition/answers.ts',
    old: 'else if (this.#isGone(segment)) this.read(message, from);',
    planted: 'else if (this.#isGone(segment) && offset < 0) this.read(message, from);',
    why: 'whoever reads what retention takes in that moment is told of damage, and people look for a broken disk',
    test: 'test/actors/partition/gone-meanwhile.test.ts',
  },
  {
    name: 'transactions open for ever',
    file: 'src/transaction/decide.ts',
    old: 'now - one.startedAt >= one.timeoutMs',
    planted: 'now - one.startedAt >= 1_000 * one.timeoutMs',
    why: 'readers of committed records wait for a producer that is gone',
    test: 'test/transaction/scripts.test.ts',
  },
  {
    name: 'no offsets where topics have no names',
    file: 'src/protocols/kafka/serve/offset-fetch.ts',
    old: '    if (why !== null) return refused(groupId, why);\n',
    planted: '',
    why: 'a consumer begins anew while the directory of topics starts again',
  },
  {
    name: 'state in memory of others',
    file: 'actors/state/record.ts',
    old: 'this.#codec.decode(new Uint8Array(bytes))',
    planted: 'this.#codec.decode(bytes)',
    why: 'after a restart members of classic groups are told what lies where their assignments lay',
    test: 'test/actors/state/record.test.ts',
  },
];
