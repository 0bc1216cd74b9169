// The driver of Apache Kafka's own client: one JSON object a line says what to do, one a line answers. Decides nothing itself.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

public class Driver {
  static final ObjectMapper json = new ObjectMapper();
  static String broker;
  static Member member;

  public static void main(String[] args) throws Exception {
    broker = args[0];
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      ObjectNode answer = json.createObjectNode();
      try {
        answer.set("done", run(json.readTree(line)));
      } catch (Throwable error) {
        Throwable cause = error instanceof ExecutionException && error.getCause() != null ? error.getCause() : error;
        answer.put("error", cause.toString());
      }
      out.println(json.writeValueAsString(answer));
    }
    System.exit(0);
  }

  static JsonNode run(JsonNode job) throws Exception {
    switch (job.get("do").asText()) {
      case "produce": return produce(job);
      case "transact": return transact(job);
      case "move": return move(job);
      case "read": return read(job);
      case "join": member = new Member(job); return json.nullNode();
      case "seen": return member.seen();
      case "commit": member.ask("commit"); return json.nullNode();
      case "leave": member.ask("leave"); return json.nullNode();
      case "createTopic": case "growTopic": case "describeTopic": case "alterTopic": case "deleteTopic": case "groups": return admin(job);
      default: throw new IllegalArgumentException("unknown: " + job.get("do"));
    }
  }

  static Properties properties(String... pairs) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", broker);
    for (int i = 0; i < pairs.length; i += 2) properties.put(pairs[i], pairs[i + 1]);
    return properties;
  }

  static ProducerRecord<String, String> record(JsonNode job, JsonNode message) {
    ProducerRecord<String, String> record = new ProducerRecord<>(job.get("topic").asText(), job.get("partition").asInt(), message.get("timestamp").asLong(), text(message.get("key")), text(message.get("value")));
    for (JsonNode header : message.get("headers")) record.headers().add(header.get(0).asText(), header.get(1).asText().getBytes(StandardCharsets.UTF_8));
    return record;
  }

  static String text(JsonNode node) { return node == null || node.isNull() ? null : node.asText(); }

  static JsonNode produce(JsonNode job) throws Exception {
    Properties properties = properties("compression.type", job.get("codec").asText(), "acks", job.get("acks").asText(), "enable.idempotence", job.get("idempotent").asText(), "linger.ms", "20", "delivery.timeout.ms", "60000", "request.timeout.ms", "5000");
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (JsonNode message : job.get("messages")) {
        sent.add(producer.send(record(job, message)));
        if (job.path("pauseMs").asInt() > 0) Thread.sleep(job.get("pauseMs").asInt());
      }
      for (Future<RecordMetadata> one : sent) one.get();
    }
    return json.nullNode();
  }

  static JsonNode transact(JsonNode job) throws Exception {
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties("transactional.id", job.get("id").asText(), "max.block.ms", "15000"), new StringSerializer(), new StringSerializer())) {
      producer.initTransactions();
      producer.beginTransaction();
      for (JsonNode message : job.get("messages")) producer.send(record(job, message));
      producer.flush();
      if (job.get("commit").asBoolean()) producer.commitTransaction(); else producer.abortTransaction();
    }
    return json.nullNode();
  }

  /** Consume, transform, produce: until nothing has come for a while. A failure ends both clients, and new ones go on. */
  static JsonNode move(JsonNode job) throws Exception {
    int looks = job.get("quietLooks").asInt(), quiet = 0, lives = 0;
    boolean begun = false;
    while (quiet < looks) {
      lives++;
      try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties("transactional.id", job.get("id").asText(), "transaction.timeout.ms", "30000", "delivery.timeout.ms", "25000", "request.timeout.ms", "10000"), new StringSerializer(), new StringSerializer());
           KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties("group.id", job.get("group").asText(), "isolation.level", "read_committed", "auto.offset.reset", "earliest", "enable.auto.commit", "false", "session.timeout.ms", "6000"), new StringDeserializer(), new StringDeserializer())) {
        producer.initTransactions();
        consumer.subscribe(List.of(job.get("source").asText()));
        while (quiet < looks) {
          ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(500));
          quiet = begun && records.isEmpty() ? quiet + 1 : 0;
          if (records.isEmpty()) continue;
          begun = true;
          moveOne(records, producer, consumer, job.get("to").asText());
        }
      } catch (org.apache.kafka.common.KafkaException error) {
        quiet = 0;
        Thread.sleep(200);
      }
    }
    return json.createObjectNode().put("lives", lives);
  }

  static void moveOne(ConsumerRecords<String, String> records, KafkaProducer<String, String> producer, KafkaConsumer<String, String> consumer, String to) {
    producer.beginTransaction();
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (ConsumerRecord<String, String> record : records) {
      producer.send(new ProducerRecord<>(to, 0, null, "moved " + record.value()));
      offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
    }
    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
    producer.commitTransaction();
  }

  static JsonNode read(JsonNode job) {
    ArrayNode found = json.createArrayNode();
    Properties properties = properties("auto.offset.reset", "none", "isolation.level", job.path("committed").asBoolean() ? "read_committed" : "read_uncommitted");
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
      TopicPartition place = new TopicPartition(job.get("topic").asText(), job.get("partition").asInt());
      consumer.assign(List.of(place));
      consumer.seek(place, job.get("from").asLong());
      long deadline = System.currentTimeMillis() + 20_000;
      while (found.size() < job.get("count").asInt() && System.currentTimeMillis() < deadline)
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          ObjectNode one = found.addObject().put("offset", record.offset()).put("timestamp", record.timestamp()).put("key", record.key()).put("value", record.value());
          ArrayNode headers = one.putArray("headers");
          record.headers().forEach(header -> headers.addArray().add(header.key()).add(new String(header.value(), StandardCharsets.UTF_8)));
        }
    }
    return found;
  }

  /** A consumer of a group, in the thread that alone may use it. */
  static class Member {
    final ConcurrentLinkedQueue<String> values = new ConcurrentLinkedQueue<>();
    final SynchronousQueue<String> wanted = new SynchronousQueue<>();
    final SynchronousQueue<String> done = new SynchronousQueue<>();
    volatile List<Integer> assigned = List.of();
    volatile String failure;

    Member(JsonNode job) {
      Properties properties = properties("group.id", job.get("group").asText(), "enable.auto.commit", "false", "auto.offset.reset", "earliest");
      String kind = job.get("kind").asText();
      if (kind.equals("consumer")) properties.put("group.protocol", "consumer");
      else {
        properties.put("session.timeout.ms", "6000");
        properties.put("heartbeat.interval.ms", "500");
        properties.put("partition.assignment.strategy", kind.equals("cooperative") ? CooperativeStickyAssignor.class.getName() : RangeAssignor.class.getName());
      }
      if (text(job.get("instance")) != null) properties.put("group.instance.id", text(job.get("instance")));
      new Thread(() -> loop(properties, job.get("topic").asText())).start();
    }

    void loop(Properties properties, String topic) {
      try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
        consumer.subscribe(List.of(topic));
        for (;;) {
          for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) values.add(record.value());
          assigned = consumer.assignment().stream().map(TopicPartition::partition).sorted().toList();
          String what = wanted.poll();
          if (what == null) continue;
          if (what.equals("commit")) consumer.commitSync();
          if (what.equals("leave")) break;
          done.put("");
        }
      } catch (Throwable error) {
        failure = error.toString();
      }
      try { done.put(failure == null ? "" : failure); } catch (InterruptedException error) { throw new IllegalStateException(error); }
    }

    void ask(String what) throws Exception {
      if (!wanted.offer(what, 20, TimeUnit.SECONDS)) throw new IllegalStateException("the member is stuck: " + failure);
      String answer = done.poll(20, TimeUnit.SECONDS);
      if (answer == null || !answer.isEmpty()) throw new IllegalStateException("failed: " + answer);
    }

    JsonNode seen() {
      if (failure != null) throw new IllegalStateException(failure);
      ObjectNode seen = json.createObjectNode();
      ArrayNode partitions = seen.putArray("assigned");
      assigned.forEach(partitions::add);
      ArrayNode all = seen.putArray("values");
      values.forEach(all::add);
      return seen;
    }
  }

  static JsonNode admin(JsonNode job) throws Exception {
    try (Admin admin = Admin.create(properties("request.timeout.ms", "20000", "default.api.timeout.ms", "20000"))) {
      String topic = job.path("topic").asText();
      switch (job.get("do").asText()) {
        case "createTopic": admin.createTopics(List.of(new NewTopic(topic, job.get("partitions").asInt(), (short) 1).configs(Map.of("retention.ms", "3600000")))).all().get(); break;
        case "growTopic": admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(job.get("partitions").asInt()))).all().get(); break;
        case "alterTopic": admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, topic), List.of(new AlterConfigOp(new ConfigEntry("retention.ms", job.get("retention").asText()), AlterConfigOp.OpType.SET)))).all().get(); break;
        case "deleteTopic": admin.deleteTopics(List.of(topic)).all().get(); break;
        case "groups": ArrayNode groups = json.createArrayNode(); admin.listGroups().all().get().forEach(group -> groups.add(group.groupId())); return groups;
        case "describeTopic":
          ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
          return json.createObjectNode().put("partitions", admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size())
            .put("retention", admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value());
      }
    }
    return json.nullNode();
  }
}
