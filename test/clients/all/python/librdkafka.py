"""The driver of confluent-kafka, which is librdkafka: one JSON object a line says what to do, one a line answers. Decides nothing itself."""
import json
import queue
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic

BROKER = sys.argv[1]
QUIET = {'bootstrap.servers': BROKER, 'log_level': 0}


def encoded(text):
    return None if text is None else text.encode()


def decoded(data):
    return None if data is None else data.decode()


def send_all(producer, job):
    failures = []

    def sent(error, _message):
        if error is not None:
            failures.append(error)

    for message in job['messages']:
        headers = [(name, value.encode()) for name, value in message['headers']]
        producer.produce(job['topic'], partition=job['partition'], key=encoded(message['key']), value=encoded(message['value']), headers=headers,
                         timestamp=message['timestamp'], on_delivery=sent)
        producer.poll(job.get('pauseMs', 0) / 1000)
    if producer.flush(60) > 0 or failures:
        raise RuntimeError(f'not all were sent: {failures[:1]}')


def produce(job):
    producer = Producer({**QUIET, 'compression.type': job['codec'], 'acks': job['acks'], 'enable.idempotence': job['idempotent'], 'linger.ms': 20,
                         'message.timeout.ms': 60000, 'socket.timeout.ms': 5000})
    send_all(producer, job)


def transact(job):
    producer = Producer({**QUIET, 'transactional.id': job['id']})
    producer.init_transactions(15)
    producer.begin_transaction()
    send_all(producer, job)
    (producer.commit_transaction if job['commit'] else producer.abort_transaction)(15)


def move(job):
    """Consume, transform, produce: until nothing has come for a while. A failure ends both clients, and new ones go on."""
    lives, quiet, begun = 0, 0, False
    while quiet < job['quietLooks']:
        lives += 1
        producer = Producer({**QUIET, 'transactional.id': job['id'], 'transaction.timeout.ms': 30000, 'message.timeout.ms': 25000})
        consumer = Consumer({**QUIET, 'group.id': job['group'], 'isolation.level': 'read_committed', 'auto.offset.reset': 'earliest',
                             'enable.auto.commit': False, 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 500})
        try:
            producer.init_transactions(20)
            consumer.subscribe([job['source']])
            while quiet < job['quietLooks']:
                records = [one for one in consumer.consume(500, 0.5) if one.error() is None]
                quiet = quiet + 1 if begun and not records else 0
                if not records:
                    continue
                begun = True
                move_one(records, producer, consumer, job['to'])
        except KafkaException as error:
            print(repr(error), file=sys.stderr)
            quiet = 0
        finally:
            consumer.close()
    return {'lives': lives}


def move_one(records, producer, consumer, to):
    producer.begin_transaction()
    offsets = {}
    for record in records:
        producer.produce(to, partition=0, value=b'moved ' + record.value())
        offsets[record.partition()] = TopicPartition(record.topic(), record.partition(), record.offset() + 1)
    producer.send_offsets_to_transaction(list(offsets.values()), consumer.consumer_group_metadata(), 20)
    producer.commit_transaction(20)


def read(job):
    consumer = Consumer({**QUIET, 'group.id': 'reads', 'enable.auto.commit': False, 'fetch.wait.max.ms': 200,
                         'isolation.level': 'read_committed' if job.get('committed') else 'read_uncommitted'})
    consumer.assign([TopicPartition(job['topic'], job['partition'], job['from'])])
    found = []
    deadline = time.time() + 20
    while len(found) < job['count'] and time.time() < deadline:
        for record in consumer.consume(1000, 0.2):
            if record.error() is None:
                found.append({'key': decoded(record.key()), 'value': decoded(record.value()), 'offset': record.offset(),
                              'timestamp': record.timestamp()[1], 'headers': [(name, decoded(value)) for name, value in record.headers() or []]})
    consumer.close()
    return found


def commit(consumer):
    try:
        consumer.commit(asynchronous=False)
    except KafkaException as error:
        # It has read nothing since.
        if error.args[0].code() != KafkaError._NO_OFFSET:
            raise


class Member:
    """A consumer of a group, in a thread of its own."""

    def __init__(self, job):
        self.values, self.assigned, self.failure = [], set(), None
        self.wanted, self.done = queue.Queue(), queue.Queue()
        settings = {**QUIET, 'group.id': job['group'], 'enable.auto.commit': False, 'auto.offset.reset': 'earliest', 'fetch.wait.max.ms': 200}
        if job['kind'] == 'consumer':
            settings['group.protocol'] = 'consumer'
        else:
            settings.update({'session.timeout.ms': 6000, 'heartbeat.interval.ms': 500})
            settings['partition.assignment.strategy'] = 'cooperative-sticky' if job['kind'] == 'cooperative' else 'range'
        if job['instance'] is not None:
            settings['group.instance.id'] = job['instance']
        threading.Thread(target=self.loop, args=[settings, job['topic']], daemon=True).start()

    def loop(self, settings, topic):
        def given(_consumer, places):
            self.assigned.update(place.partition for place in places)

        def taken(_consumer, places):
            self.assigned.difference_update(place.partition for place in places)

        try:
            consumer = Consumer(settings)
            consumer.subscribe([topic], on_assign=given, on_revoke=taken, on_lost=taken)
            while True:
                record = consumer.poll(0.1)
                if record is not None and record.error() is None:
                    self.values.append(decoded(record.value()))
                try:
                    what = self.wanted.get_nowait()
                except queue.Empty:
                    continue
                if what == 'leave':
                    consumer.close()
                else:
                    commit(consumer)
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
        return {'assigned': sorted(self.assigned), 'values': list(self.values)}


def admin(job):
    client, what, topic = AdminClient(QUIET), job['do'], job.get('topic')
    retention = ConfigResource(ConfigResource.Type.TOPIC, topic or '-')

    def answered(futures):
        return [one.result(20) for one in futures.values()][0]

    if what == 'createTopic':
        answered(client.create_topics([NewTopic(topic, job['partitions'], 1, config={'retention.ms': '3600000'})]))
    elif what == 'growTopic':
        answered(client.create_partitions([NewPartitions(topic, job['partitions'])]))
    elif what == 'alterTopic':
        retention.add_incremental_config(ConfigEntry('retention.ms', job['retention'], incremental_operation=AlterConfigOpType.SET))
        answered(client.incremental_alter_configs([retention]))
    elif what == 'deleteTopic':
        answered(client.delete_topics([topic]))
    elif what == 'groups':
        return [group.group_id for group in client.list_consumer_groups().result(20).valid]
    elif what == 'describeTopic':
        known = client.list_topics(timeout=20).topics.get(topic)
        if known is None:
            return {'partitions': 0, 'retention': ''}
        return {'partitions': len(known.partitions), 'retention': answered(client.describe_configs([retention]))['retention.ms'].value}
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
    except Exception as error:
        answer = {'error': repr(error)}
    print(json.dumps(answer), flush=True)
