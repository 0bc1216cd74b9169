/** DescribeLogDirs: the folders of a broker, and how much each partition takes there. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, boolean, int16, int32, int64, nullable, or, since, string } from '../schema.ts';

export const describeLogDirs = call({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 5],
  flexible: 2,
  request: {
    topics: nullable(array({ topic: string, partitions: arrayOf(int32) })),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: since(3, int16, 0),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({ partitionIndex: int32, partitionSize: int64, offsetLag: int64, isFutureKey: boolean }),
      }),
      totalBytes: since(4, int64, -1),
      usableBytes: since(4, int64, -1),
      isCordoned: since(5, boolean, false),
    }),
  },
});
export type DescribeLogDirsRequest = RequestOf<typeof describeLogDirs>;
export type DescribeLogDirsResponse = ResponseOf<typeof describeLogDirs>;
