/**
 * Branches of the code that only faults lead to, by what the node's log or the simulation says there. A run that is long
 * enough tells which of them it never came to: those it has proven nothing about.
 */
export const MARKS: readonly string[] = [
  'journal: a torn tail was cut off the journal',
  'journal: the journal is damaged',
  'journal: a journal file with damage is set aside as it is',
  'journal: the journal could not be written',
  'partition: a torn tail was cut off',
  'partition: the segment could not be written',
  'partition: the sidecar could not be written',
  'partition: the manifest could not be written',
  'partition: the manifest is damaged: the sidecars tell what there is',
  'partition: the state of producers is damaged: it is read from the log anew',
  'partition: records are damaged: the segment does not match its sidecar',
  'partition: records are damaged: the sidecar does not hold',
  'partition: records are damaged: its sidecar does not hold',
  'partition: records are damaged: a scan found that the segment does not match its sidecar',
  'partition crashed: a segment has failed and was sealed',
  'partition crashed: the journal that has this partition went down',
  'coordinator: partition/n is starting again',
  'catalog: partition/n is starting again',
  'janitor: the disk is nearly full: writes are refused',
  'crash at a write of journal',
  'crash at a write of partitions',
  'crash at a sync of journal',
  'clean restart that left something',
  'the process ended by itself',
  'unavailable after damage to its only copy',
];
