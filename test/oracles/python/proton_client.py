"""Apache Qpid Proton, an AMQP client of others, driven by a test.

Reads one request a line, a JSON object, from standard input and writes one result a line to standard output.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.parse

from proton import Message, SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import Container, Selector

PATIENCE_S = 10
TOKEN_LIFETIME_S = 600


def sas_token(resource, policy, key):
    encoded = urllib.parse.quote(resource, safe="")
    expiry = int(time.time()) + TOKEN_LIFETIME_S
    digest = hmac.new(key.encode(), f"{encoded}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = urllib.parse.quote(base64.b64encode(digest), safe="")
    return f"SharedAccessSignature sr={encoded}&sig={signature}&se={expiry}&skn={policy}"


class Reader(MessagingHandler):
    """Reads a partition. All its links share one session, as Proton has it by default."""

    def __init__(self, request):
        super().__init__(prefetch=0, auto_accept=True)
        self.request = request
        self.result = {"sequenceNumbers": [], "bodies": []}

    def on_start(self, event):
        request = self.request
        self.container = event.container
        options = {"reconnect": False, "allow_insecure_mechs": True}
        if request["login"] == "plain":
            options.update(user=request["policy"], password=request["key"], allowed_mechs="PLAIN")
        else:
            options.update(allowed_mechs="ANONYMOUS")
        if "ca" in request:
            domain = SSLDomain(SSLDomain.MODE_CLIENT)
            domain.set_trusted_ca_db(request["ca"])
            domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
            options["ssl_domain"] = domain
        self.timer = event.container.schedule(PATIENCE_S, self)
        self.connection = event.container.connect(request["url"], **options)
        if request["login"] == "plain":
            self.read()
        else:
            self.claims = event.container.create_sender(self.connection, "$cbs", name="cbs")
            self.claims_reply = event.container.create_receiver(self.connection, "$cbs", name="cbs")
            self.claims_reply.flow(1)

    def on_sendable(self, event):
        if event.sender.name == "cbs" and not self.result.get("asked"):
            self.result["asked"] = True
            request = self.request
            resource = f"sb://localhost/{request['hub']}"
            properties = {"operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": resource}
            token = sas_token(resource, request["policy"], request["key"])
            event.sender.send(Message(id="1", reply_to="cbs", properties=properties, body=token))
        elif event.sender.name == "management" and not self.result.get("read"):
            self.result["read"] = True
            properties = {"operation": "READ", "type": "com.microsoft:eventhub", "name": self.request["hub"]}
            event.sender.send(Message(id="2", reply_to="replies", properties=properties))

    def read(self):
        container, request = self.container, self.request
        self.management = container.create_sender(self.connection, "$management", name="management")
        self.replies = container.create_receiver(self.connection, "$management", target="replies", name="management")
        self.replies.flow(1)
        group = request.get("group", "$Default")
        address = f"{request['hub']}/ConsumerGroups/{group}/Partitions/{request['partition']}"
        offset = Selector("amqp.annotation.x-opt-offset > '-1'")
        self.receiver = container.create_receiver(self.connection, address, options=offset)
        if request.get("drain"):
            self.receiver.drain(request["count"] + 5)
        else:
            self.receiver.flow(request["count"])

    def on_message(self, event):
        message = event.message
        if event.receiver.name == "cbs":
            self.result["status"] = message.properties["status-code"]
            if self.result["status"] == 202:
                self.read()
            else:
                self.result["description"] = message.properties["status-description"]
                self.finish(event)
        elif event.receiver.name == "management":
            self.result["partitions"] = list(message.body["partition_ids"])
            self.finish_if_complete(event)
        else:
            self.result["sequenceNumbers"].append(message.annotations["x-opt-sequence-number"])
            self.finish_if_complete(event)

    def on_link_flow(self, event):
        if event.link.is_receiver and self.request.get("drain"):
            self.finish_if_complete(event)

    def finish_if_complete(self, event):
        read = len(self.result["sequenceNumbers"])
        if read < self.request["count"] or "partitions" not in self.result:
            return
        if self.receiver.credit > 0:
            return
        self.result["creditLeft"] = self.receiver.credit
        self.finish(event)

    def on_link_error(self, event):
        condition = event.link.remote_condition
        self.fail(event, condition)

    def on_transport_error(self, event):
        self.fail(event, event.transport.condition)

    def fail(self, event, condition):
        self.result["error"] = condition.name
        self.result["description"] = condition.description
        self.finish(event)

    def finish(self, event):
        self.timer.cancel()
        self.connection.close()

    def on_timer_task(self, event):
        self.result["error"] = "timeout"
        self.connection.close()


for line in sys.stdin:
    reader = Reader(json.loads(line))
    Container(reader).run()
    print(json.dumps(reader.result), flush=True)
