"""The driver of kafka-python: one JSON object a line says what to do, one a line answers. Decides nothing itself."""
import json
import queue
import sys
import threading
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

BROKER = sys.argv[1]


def encoded(text):
    return None if text is None else text.encode()


def decoded(data):
    return None if data is None else data.decode()


def send_all(producer, job):
    sent = []
    for message in job['messages']:
        headers = [(name, value.encode()) for name, value in message['headers']]
        sent.append(producer.send(job['topic'], partition=job['partition'], key=encoded(message['key']), value=encoded(message['value']),
                                  headers=headers, timestamp_ms=message['timestamp']))
        time.sleep(job.get('pauseMs', 0) / 1000)
    producer.flush(60)
    for one in sent:
        one.get(60)


def produce(job):
    codec = None if job['codec'] == 'none' else job['codec']
    acks = 'all' if job['acks'] == -1 else job['acks']
    producer = KafkaProducer(bootstrap_servers=BROKER, compression_type=codec, acks=acks, enable_idempotence=job['idempotent'], linger_ms=20,
                             retries=100, delivery_timeout_ms=60000, request_timeout_ms=5000)
    send_all(producer, job)
    producer.close()


def transact(job):
    producer = KafkaProducer(bootstrap_servers=BROKER, transactional_id=job['id'])
    producer.init_transactions()
    producer.begin_transaction()
    send_all(producer, job)
    (producer.commit_transaction if job['commit'] else producer.abort_transaction)()
    producer.close()


def move(job):
    """Consume, transform, produce: until nothing has come for a while. A failure ends both clients, and new ones go on."""
    lives, quiet, begun = 0, 0, False
    while quiet < job['quietLooks']:
        lives += 1
        producer = KafkaProducer(bootstrap_servers=BROKER, transactional_id=job['id'], transaction_timeout_ms=30000, delivery_timeout_ms=25000,
                                 request_timeout_ms=10000)
        consumer = KafkaConsumer(job['source'], bootstrap_servers=BROKER, group_id=job['group'], isolation_level='read_committed',
                                 auto_offset_reset='earliest', enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500)
        try:
            producer.init_transactions()
            while quiet < job['quietLooks']:
                records = consumer.poll(500, max_records=500)
                quiet = quiet + 1 if begun and not records else 0
                if not records:
                    continue
                begun = True
                move_one(records, producer, consumer, job['to'])
        except KafkaError:
            quiet = 0
        finally:
            close_quietly(consumer.close)
            close_quietly(lambda: producer.close(1))
    return {'lives': lives}


def move_one(records, producer, consumer, to):
    producer.begin_transaction()
    sent, offsets = [], {}
    for place, batch in records.items():
        sent += [producer.send(to, partition=0, value=b'moved ' + record.value) for record in batch]
        offsets[place] = OffsetAndMetadata(batch[-1].offset + 1, '', -1)
    producer.flush(30)
    for one in sent:
        one.get(1)
    producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
    producer.commit_transaction()


def close_quietly(close):
    """What does not close in order has failed before, and that is why it is closed."""
    try:
        close()
    except KafkaError as error:
        print(repr(error), file=sys.stderr)


def read(job):
    consumer = KafkaConsumer(bootstrap_servers=BROKER, isolation_level='read_committed' if job.get('committed') else 'read_uncommitted')
    place = TopicPartition(job['topic'], job['partition'])
    consumer.assign([place])
    consumer.seek(place, job['from'])
    found = []
    deadline = time.time() + 20
    while len(found) < job['count'] and time.time() < deadline:
        for record in consumer.poll(200).get(place, []):
            found.append({'key': decoded(record.key), 'value': decoded(record.value), 'offset': record.offset, 'timestamp': record.timestamp,
                          'headers': [(name, decoded(value)) for name, value in record.headers]})
    consumer.close()
    return found


class Member:
    """A consumer of a group, in the thread that alone may use it."""

    def __init__(self, job):
        self.values, self.assigned, self.failure = [], [], None
        self.wanted, self.done = queue.Queue(), queue.Queue()
        self.settings = {'bootstrap_servers': BROKER, 'group_id': job['group'], 'enable_auto_commit': False, 'auto_offset_reset': 'earliest'}
        if job['kind'] == 'consumer':
            if 'group_protocol' not in KafkaConsumer.DEFAULT_CONFIG:
                raise Unsupported('no consumer protocol')
            self.settings['group_protocol'] = 'consumer'
        else:
            self.settings.update(session_timeout_ms=6000, heartbeat_interval_ms=500)
            self.settings['partition_assignment_strategy'] = [assignor(job['kind'])]
        if job['instance'] is not None:
            self.settings['group_instance_id'] = job['instance']
        threading.Thread(target=self.loop, args=[job['topic']], daemon=True).start()

    def loop(self, topic):
        try:
            consumer = KafkaConsumer(topic, **self.settings)
            while True:
                for records in consumer.poll(100).values():
                    self.values += [decoded(record.value) for record in records]
                self.assigned = sorted(place.partition for place in consumer.assignment())
                try:
                    what = self.wanted.get_nowait()
                except queue.Empty:
                    continue
                if what == 'leave':
                    consumer.close()
                else:
                    consumer.commit()
                self.done.put(None)
                if what == 'leave':
                    return
        except Exception as error:
            self.failure = repr(error)
            self.done.put(self.failure)

    def ask(self, what):
        self.wanted.put(what)
        failure = self.done.get(timeout=20)
        if failure is not None:
            raise RuntimeError(failure)

    def seen(self):
        if self.failure is not None:
            raise RuntimeError(self.failure)
        return {'assigned': self.assigned, 'values': list(self.values)}


def assignor(kind):
    if kind == 'range':
        from kafka.coordinator.assignors.range import RangePartitionAssignor
        return RangePartitionAssignor
    try:
        from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
        return CooperativeStickyAssignor
    except ImportError:
        raise Unsupported('no cooperative assignor')


class Unsupported(Exception):
    pass


def admin(job):
    client = KafkaAdminClient(bootstrap_servers=BROKER)
    try:
        return administer(client, job)
    finally:
        client.close()


def administer(client, job):
    what, topic = job['do'], job.get('topic')
    if what == 'createTopic':
        client.create_topics([NewTopic(topic, job['partitions'], 1, topic_configs={'retention.ms': '3600000'})])
    elif what == 'growTopic':
        client.create_partitions({topic: NewPartitions(job['partitions'])})
    elif what == 'alterTopic':
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {'retention.ms': job['retention']})])
    elif what == 'deleteTopic':
        client.delete_topics([topic])
    elif what == 'groups':
        return [group if isinstance(group, str) else group.get('group_id') if isinstance(group, dict) else group[0] for group in client.list_groups()]
    elif what == 'describeTopic':
        retention = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {'partitions': len(client.describe_topics([topic])[0]['partitions']), 'retention': find_retention(retention)}
    return None


def find_retention(answer):
    """Its shape differs from version to version: whatever holds the name holds the value."""
    if isinstance(answer, dict):
        if 'retention.ms' in answer:
            value = answer['retention.ms']
            return value.get('value') if isinstance(value, dict) else value
        if answer.get('name') == 'retention.ms' or answer.get('config_names') == 'retention.ms':
            return answer.get('value', answer.get('config_value'))
        answer = list(answer.values())
    if hasattr(answer, 'to_dict'):
        return find_retention(answer.to_dict())
    if hasattr(answer, 'to_object'):
        return find_retention(answer.to_object())
    if isinstance(answer, (list, tuple)):
        if len(answer) > 1 and answer[0] == 'retention.ms':
            return answer[1]
        for one in answer:
            found = find_retention(one)
            if found is not None:
                return found
    return None


member = None


def run(job):
    global member
    what = job['do']
    if what in ('produce', 'transact', 'move', 'read'):
        return {'produce': produce, 'transact': transact, 'move': move, 'read': read}[what](job)
    if what == 'join':
        member = Member(job)
        return None
    if what == 'seen':
        return member.seen()
    if what in ('commit', 'leave'):
        return member.ask(what)
    return admin(job)


for line in sys.stdin:
    try:
        answer = {'done': run(json.loads(line))}
    except Unsupported as error:
        answer = {'unsupported': str(error)}
    except Exception as error:
        answer = {'error': repr(error)}
    print(json.dumps(answer), flush=True)
