"""librdkafka by confluent-kafka. One line of JSON on standard input says what to do; JSON values a line come out."""
import json
import sys
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

DEADLINE = time.time() + 30


def write(job):
    producer = Producer({
        'bootstrap.servers': job['broker'],
        'compression.type': job['codec'],
        'acks': job['acks'],
        'enable.idempotence': job['idempotent'],
        'linger.ms': 50,
        'message.timeout.ms': 20000,
    })
    done = []
    for message in job['messages']:
        producer.produce(
            job['topic'],
            partition=0,
            key=message['key'],
            value=message['value'],
            headers=[(name, value.encode()) for name, value in message['headers']],
            timestamp=message['timestamp'],
            on_delivery=lambda error, sent: done.append((error, sent)),
        )
    producer.flush(25)
    for error, sent in done:
        if error is not None:
            raise RuntimeError(str(error))
        print(json.dumps(sent.offset()))


def read(job):
    consumer = Consumer({
        'bootstrap.servers': job['broker'],
        'group.id': 'librdkafka',
        'enable.auto.commit': False,
        'fetch.wait.max.ms': 100,
        'enable.partition.eof': True,
    })
    place = TopicPartition(job['topic'], 0, 0)
    if 'time' in job:
        place = consumer.offsets_for_times([TopicPartition(job['topic'], 0, job['time'])], timeout=10)[0]
    elif 'offset' in job:
        place = TopicPartition(job['topic'], 0, job['offset'])
    consumer.assign([place])
    while time.time() < DEADLINE:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error() is not None:
            if message.error().name() == '_PARTITION_EOF':
                break
            raise RuntimeError(str(message.error()))
        print(json.dumps({
            'key': text(message.key()),
            'value': text(message.value()),
            'headers': [(name, text(value)) for name, value in message.headers() or []],
            'timestamp': message.timestamp()[1],
            'offset': message.offset(),
        }))
    consumer.close()


def member(job):
    consumer = Consumer({
        'bootstrap.servers': job['broker'],
        'group.id': job['group'],
        'auto.offset.reset': 'earliest',
        'auto.commit.interval.ms': 200,
        'fetch.wait.max.ms': 100,
        'log_level': 0,
        **job['settings'],
    })
    held = set()

    def say():
        print(json.dumps({'assigned': sorted(held)}), flush=True)

    def given(_consumer, places):
        held.update(place.partition for place in places)
        say()

    def taken(_consumer, places):
        held.difference_update(place.partition for place in places)
        say()

    consumer.subscribe([job['topic']], on_assign=given, on_revoke=taken, on_lost=taken)
    over = threading.Event()

    def wait():
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    while not over.is_set():
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            print(json.dumps({'value': text(message.value())}), flush=True)
    consumer.close()


def text(value):
    return None if value is None else value.decode()


job = json.loads(sys.stdin.readline())
{'write': write, 'read': read, 'member': member}[job['do']](job)
