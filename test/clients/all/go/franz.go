package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type franz struct {
	broker string
	group  *kgo.Client
	ended  chan struct{}
}

var codecs = map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}

func (f *franz) client(more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(f.broker), kgo.RecordPartitioner(kgo.ManualPartitioner())}, more...)...)
}

func record(j job, m message) *kgo.Record {
	headers := []kgo.RecordHeader{}
	for _, header := range m.Headers {
		headers = append(headers, kgo.RecordHeader{Key: header[0], Value: []byte(header[1])})
	}
	return &kgo.Record{Topic: j.Topic, Partition: j.Partition, Key: bytesOf(m.Key), Value: bytesOf(m.Value), Headers: headers, Timestamp: time.UnixMilli(m.Timestamp)}
}

func (f *franz) produce(j job) error {
	acks := map[int16]kgo.Acks{-1: kgo.AllISRAcks(), 0: kgo.NoAck(), 1: kgo.LeaderAck()}[j.Acks]
	more := []kgo.Opt{kgo.AllowAutoTopicCreation(), kgo.ProducerBatchCompression(codecs[j.Codec]), kgo.RequiredAcks(acks), kgo.ProducerLinger(20 * time.Millisecond)}
	if !j.Idempotent {
		more = append(more, kgo.DisableIdempotentWrite())
	}
	client, err := f.client(more...)
	if err != nil {
		return err
	}
	defer client.Close()
	return sendAll(client, j)
}

func sendAll(client *kgo.Client, j job) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	failures := make(chan error, len(j.Messages))
	for _, m := range j.Messages {
		client.Produce(ctx, record(j, m), func(_ *kgo.Record, err error) { failures <- err })
		pause(j)
	}
	for range j.Messages {
		if err := <-failures; err != nil {
			return err
		}
	}
	return nil
}

func (f *franz) transact(j job) error {
	client, err := f.client(kgo.TransactionalID(j.ID))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	if err := sendAll(client, j); err != nil {
		return err
	}
	return client.EndTransaction(context.Background(), kgo.TransactionEndTry(j.Commit))
}

// move consumes, transforms and produces until nothing has come for a while. A failure ends the session, and a new one goes on.
func (f *franz) move(j job) (int, error) {
	lives, quiet, begun := 0, 0, false
	for quiet < j.QuietLooks {
		lives++
		session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(f.broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(j.ID),
			kgo.TransactionTimeout(30*time.Second), kgo.ConsumerGroup(j.Group), kgo.ConsumeTopics(j.Source), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequireStableFetchOffsets(), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(500*time.Millisecond))
		if err != nil {
			return lives, err
		}
		for quiet < j.QuietLooks {
			moved, err := f.moveOne(session, j.To)
			begun = begun || moved > 0
			quiet++
			if !begun || moved > 0 || err != nil {
				quiet = 0
			}
			if err != nil {
				break
			}
		}
		session.Close()
	}
	return lives, nil
}

func (f *franz) moveOne(session *kgo.GroupTransactSession, to string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	fetches := session.PollRecords(ctx, 500)
	if fetches.NumRecords() == 0 {
		return 0, nil
	}
	if err := session.Begin(); err != nil {
		return 0, err
	}
	long, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	promise := kgo.AbortingFirstErrPromise(session.Client())
	fetches.EachRecord(func(r *kgo.Record) {
		session.Produce(long, &kgo.Record{Topic: to, Partition: 0, Value: append([]byte("moved "), r.Value...)}, promise.Promise())
	})
	failed := promise.Err()
	_, err := session.End(long, failed == nil)
	return fetches.NumRecords(), err
}

func (f *franz) read(j job) ([]message, error) {
	isolation := kgo.ReadUncommitted()
	if j.Committed {
		isolation = kgo.ReadCommitted()
	}
	place := map[string]map[int32]kgo.Offset{j.Topic: {j.Partition: kgo.NewOffset().At(j.From)}}
	client, err := f.client(kgo.ConsumePartitions(place), kgo.FetchIsolationLevel(isolation), kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	found := []message{}
	for len(found) < j.Count && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			headers := [][2]string{}
			for _, header := range r.Headers {
				headers = append(headers, [2]string{header.Key, string(header.Value)})
			}
			found = append(found, message{Key: textOf(r.Key), Value: textOf(r.Value), Headers: headers, Timestamp: r.Timestamp.UnixMilli(), Offset: r.Offset})
		})
	}
	return found, nil
}

func (f *franz) join(j job) error {
	given := func(_ context.Context, _ *kgo.Client, all map[string][]int32) { member.give(all[j.Topic]) }
	taken := func(_ context.Context, _ *kgo.Client, all map[string][]int32) { member.take(all[j.Topic]) }
	more := []kgo.Opt{kgo.ConsumerGroup(j.Group), kgo.ConsumeTopics(j.Topic), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(given), kgo.OnPartitionsRevoked(taken), kgo.OnPartitionsLost(taken)}
	switch j.Kind {
	case "consumer":
		more = append(more, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	case "cooperative":
		more = append(more, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	default:
		more = append(more, kgo.Balancers(kgo.RangeBalancer()))
	}
	if j.Kind != "consumer" {
		more = append(more, kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(500*time.Millisecond))
	}
	if j.Instance != nil {
		more = append(more, kgo.InstanceID(*j.Instance))
	}
	client, err := f.client(more...)
	f.group, f.ended = client, make(chan struct{})
	if err == nil {
		go f.follow()
	}
	return err
}

func (f *franz) follow() {
	for {
		fetches := f.group.PollFetches(context.Background())
		if fetches.IsClientClosed() {
			close(f.ended)
			return
		}
		fetches.EachError(func(_ string, _ int32, err error) { member.fail(err) })
		fetches.EachRecord(func(r *kgo.Record) { member.add(r.Value) })
	}
}

func (f *franz) commit() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return f.group.CommitUncommittedOffsets(ctx)
}

func (f *franz) leave() error {
	f.group.Close()
	<-f.ended
	return nil
}

func (f *franz) admin(j job) (any, error) {
	client, err := f.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	admin := kadm.NewClient(client)
	switch j.Do {
	case "createTopic":
		hour := "3600000"
		_, err = admin.CreateTopic(ctx, j.Partitions, 1, map[string]*string{"retention.ms": &hour}, j.Topic)
	case "growTopic":
		var answers kadm.CreatePartitionsResponses
		if answers, err = admin.UpdatePartitions(ctx, int(j.Partitions), j.Topic); err == nil {
			err = answers.Error()
		}
	case "alterTopic":
		var answers kadm.AlterConfigsResponses
		if answers, err = admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &j.Retention}}, j.Topic); err == nil {
			err = answers[0].Err
		}
	case "deleteTopic":
		_, err = admin.DeleteTopic(ctx, j.Topic)
	case "groups":
		groups, err := admin.ListGroups(ctx)
		return groups.Groups(), err
	case "describeTopic":
		topics, err := admin.ListTopics(ctx, j.Topic)
		if err != nil {
			return nil, err
		}
		configs, err := admin.DescribeTopicConfigs(ctx, j.Topic)
		if err != nil {
			return nil, err
		}
		retention := ""
		for _, config := range configs[0].Configs {
			if config.Key == "retention.ms" {
				retention = config.MaybeValue()
			}
		}
		return map[string]any{"partitions": len(topics[j.Topic].Partitions), "retention": retention}, nil
	}
	return nil, err
}
