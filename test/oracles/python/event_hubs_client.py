"""Microsoft's clients for Python, as Debian packages them, driven by a test.

Reads one request a line, a JSON object, from standard input and writes one result a line to standard output.
"""

import json
import sys
import threading

import azure.eventhub._pyamqp.sasl as pyamqp_sasl
import uamqp
from azure.eventhub import EventHubConsumerClient, TransportType
from azure.eventhub.exceptions import EventHubError

PATIENCE_S = 10


def consumer(request):
    options = {"connection_verify": request["ca"], "retry_total": 0}
    if request["transport"] == "websockets":
        options["transport_type"] = TransportType.AmqpOverWebsocket
        options["custom_endpoint_address"] = f"sb://localhost:{request['port']}"
    else:
        # The client has no option for the port of AMQP over TLS.
        pyamqp_sasl.SASLTransport.__init__.__kwdefaults__["port"] = request["port"]
    group = request.get("group", "$Default")
    return EventHubConsumerClient.from_connection_string(request["connection"], group, **options)


def properties(request):
    with consumer(request) as client:
        hub = client.get_eventhub_properties()
        partitions = [client.get_partition_properties(one) for one in hub["partition_ids"]]
    return {
        "name": hub["eventhub_name"],
        "partitions": [
            {
                "id": one["id"],
                "first": one["beginning_sequence_number"],
                "last": one["last_enqueued_sequence_number"],
                "isEmpty": one["is_empty"],
            }
            for one in partitions
        ],
    }


def read(request):
    """All partitions, or one, until `count` events have come."""
    events, errors, done = [], [], threading.Event()

    def on_event(partition, event):
        last = partition.last_enqueued_event_properties or {}
        events.append(
            {
                "partition": partition.partition_id,
                "sequenceNumber": event.sequence_number,
                "offset": event.offset,
                "body": event.body_as_str(),
                "device": event.system_properties[b"iothub-connection-device-id"].decode(),
                "lastInPartition": last.get("sequence_number"),
            }
        )
        if len(events) >= request["count"]:
            done.set()

    def on_error(_partition, error):
        errors.append(error)
        done.set()

    client = consumer(request)
    options = {
        "on_event": on_event,
        "on_error": on_error,
        "starting_position": request.get("position", "-1"),
        "starting_position_inclusive": request.get("inclusive", False),
        "track_last_enqueued_event_properties": True,
    }
    if "partition" in request:
        options["partition_id"] = request["partition"]
    if "epoch" in request:
        options["owner_level"] = request["epoch"]
    receiving = threading.Thread(target=lambda: client.receive(**options))
    receiving.start()
    done.wait(PATIENCE_S)
    client.close()
    receiving.join(PATIENCE_S)
    if errors:
        raise errors[0]
    return events


def uamqp_read(request):
    """Microsoft's C library beneath the older clients. It wants the disposition of a request before the response."""
    path = f"{request['hub']}/ConsumerGroups/$Default/Partitions/{request['partition']}"
    auth = uamqp.authentication.SASTokenAuth.from_shared_access_key(
        f"sb://localhost/{path}", request["policy"], request["key"], port=request["port"], verify=request["ca"]
    )
    source = uamqp.address.Source(f"amqps://localhost/{path}")
    source.set_filter(b"amqp.annotation.x-opt-offset > '-1'")
    client = uamqp.ReceiveClient(source, auth=auth, prefetch=request["count"], timeout=PATIENCE_S * 1000)
    try:
        messages = client.receive_message_batch(max_batch_size=request["count"], timeout=PATIENCE_S * 1000)
        return [message.annotations[b"x-opt-sequence-number"] for message in messages]
    finally:
        client.close()


ACTIONS = {"properties": properties, "read": read, "uamqp read": uamqp_read}

for line in sys.stdin:
    asked = json.loads(line)
    try:
        result = ACTIONS[asked["action"]](asked)
    except (EventHubError, uamqp.errors.AMQPError) as error:
        result = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(result), flush=True)
