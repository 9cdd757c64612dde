"""Microsoft's example for Paho in Python, with the hub's address and its CA as arguments.

Prints one JSON line: the return code of CONNECT, and the message ids that the hub acknowledged.
"""

import json
import ssl
import sys

from paho.mqtt import client as mqtt

arguments = json.loads(sys.argv[1])
device_id = arguments["deviceId"]
result = {"connected": None, "acknowledged": []}


def on_connect(client, userdata, flags, rc):
    result["connected"] = rc
    if rc != 0:
        client.disconnect()
        return
    client.publish("devices/" + device_id + "/messages/events/", '{"id":123}', qos=1)


def on_publish(client, userdata, mid):
    result["acknowledged"].append(mid)
    client.disconnect()


client = mqtt.Client(client_id=device_id, protocol=mqtt.MQTTv311, transport=arguments["transport"])
client.on_connect = on_connect
client.on_publish = on_publish
client.username_pw_set(
    username=arguments["hub"] + "/" + device_id + "/?api-version=2021-04-12",
    password=arguments["token"],
)
client.tls_set(ca_certs=arguments["ca"], cert_reqs=ssl.CERT_REQUIRED)
if arguments["transport"] == "websockets":
    client.ws_set_options(path="/$iothub/websocket")
client.connect("localhost", port=arguments["port"])
client.loop_forever()
print(json.dumps(result))
