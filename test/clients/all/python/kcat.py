"""The driver of kcat: runs it for each job. It only reads: what it writes has the time of now, and it is no lasting member of a group."""
import json
import subprocess
import sys

KCAT, BROKER = sys.argv[1:3]


def read(job):
    command = [KCAT, '-C', '-b', BROKER, '-t', job['topic'], '-p', str(job['partition']), '-o', str(job['from']), '-c', str(job['count']), '-e', '-q', '-J']
    done = subprocess.run(command, capture_output=True, timeout=30, check=True)
    found = []
    for line in done.stdout.decode().splitlines():
        record = json.loads(line)
        headers = record.get('headers', [])
        found.append({'key': record['key'], 'value': record['payload'], 'offset': record['offset'], 'timestamp': record['ts'],
                      'headers': [list(pair) for pair in zip(headers[::2], headers[1::2])]})
    return found


for line in sys.stdin:
    job = json.loads(line)
    try:
        answer = {'done': read(job)} if job['do'] == 'read' else {'unsupported': 'kcat is only read with here'}
    except (subprocess.SubprocessError, ValueError, KeyError) as error:
        answer = {'error': repr(error) + str(getattr(error, 'stderr', ''))}
    print(json.dumps(answer), flush=True)
