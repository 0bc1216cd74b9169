"""librdkafka by confluent-kafka. One line of JSON on standard input says what to do; JSON values a line come out."""
import json
import sys
import threading
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec

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

def admin(job):
    """Everything that an administrator does, in order; what is told is printed."""
    client = AdminClient({'bootstrap.servers': job['broker'], 'log_level': 0})
    topic, group = job['topic'], job['group']

    def first(futures):
        return list(futures.values())[0].result(20)

    first(client.create_topics([NewTopic(topic, 2, 1, config={'retention.ms': '60000'})]))
    try:
        first(client.create_topics([NewTopic(topic, 2, 1)]))
    except KafkaException as error:
        print(json.dumps({'created again': error.args[0].name()}))
    first(client.create_partitions([NewPartitions(topic, 3)]))
    described = first(client.describe_topics(TopicCollection([topic])))
    print(json.dumps({'partitions': len(described.partitions)}))
    settings = ConfigResource(ConfigResource.Type.TOPIC, topic)
    print(json.dumps({'retention': first(client.describe_configs([settings]))['retention.ms'].value}))
    altered = ConfigResource(ConfigResource.Type.TOPIC, topic)
    altered.add_incremental_config(ConfigEntry('retention.ms', '70000', incremental_operation=AlterConfigOpType.SET))
    first(client.incremental_alter_configs([altered]))
    print(json.dumps({'altered': first(client.describe_configs([settings]))['retention.ms'].value}))
    node = ConfigResource(ConfigResource.Type.BROKER, '1')
    print(json.dumps({'offsets': first(client.describe_configs([node]))['offsets.retention.minutes'].value}))

    producer = Producer({'bootstrap.servers': job['broker'], 'log_level': 0})
    for number in range(5):
        producer.produce(topic, partition=0, value=str(number))
    producer.flush(20)
    place = TopicPartition(topic, 0)
    print(json.dumps({'end': first(client.list_offsets({place: OffsetSpec.latest()})).offset}))
    print(json.dumps({'kept from': first(client.delete_records([TopicPartition(topic, 0, 2)])).low_watermark}))
    print(json.dumps({'begin': first(client.list_offsets({place: OffsetSpec.earliest()})).offset}))

    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 3)])
    first(client.alter_consumer_group_offsets([moved]))
    listed = client.list_consumer_groups().result(20).valid
    print(json.dumps({'groups': [one.group_id for one in listed]}))
    state = first(client.describe_consumer_groups([group]))
    print(json.dumps({'state': state.state.name}))
    told = first(client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))
    print(json.dumps({'committed': [[one.partition, one.offset] for one in told.topic_partitions]}))
    first(client.delete_consumer_groups([group]))
    print(json.dumps({'groups': [one.group_id for one in client.list_consumer_groups().result(20).valid]}))
    cluster = client.describe_cluster().result(20)
    print(json.dumps({'nodes': len(cluster.nodes)}))
    first(client.delete_topics([topic]))
    print(json.dumps({'topics': [name for name in client.list_topics(timeout=20).topics if name == topic]}))


def text(value):
    return None if value is None else value.decode()


job = json.loads(sys.stdin.readline())
{'write': write, 'read': read, 'member': member, 'admin': admin}[job['do']](job)
