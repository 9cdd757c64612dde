import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream
import java.net.HttpURLConnection
import java.net.URL
import java.net.URLEncoder
import java.security.SecureRandom
import java.util.Base64
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec

/** The identity that a phone stores in its keystore. [hostName] is `<hub>.azure-devices.net`, [deviceKey] base64. */
data class Device(val hostName: String, val deviceId: String, val deviceKey: String)

/**
 * An error response of Hubfront, of the hub, or of an intermediary.
 *
 * @property code of Hubfront (`device_exists`) or IoT Hub; null if neither wrote the response
 * @property retryable whether the same request may succeed later: throttling, quota, a failing hub, or a response that
 * neither server wrote
 * @property retryAfter the header as the server sent it
 */
class HubException internal constructor(
    val status: Int,
    val code: String?,
    val retryable: Boolean,
    val retryAfter: String?
) : IOException("the server returned $status${code?.let { " $it" } ?: ""}")

/**
 * A phone that registers once through Hubfront and then sends directly to IoT Hub over HTTPS. One file without
 * dependencies: Android 8 (API 26) or Java 11. Its functions block: call them from Dispatchers.IO.
 *
 * @param hubUrl the URL of the hub, if it is an emulator
 */
class HubfrontPhone(private val device: Device, private val hubUrl: String = "https://${device.hostName}") {
    private var token = ""
    private var tokenExpiresAt = 0L

    /**
     * Returns when the hub has stored the message.
     *
     * @param deviceMessage any JSON
     * @param messageId use the same id when you send the message again, so that readers can deduplicate
     * @param properties application properties, readable without the body
     * @throws HubException 401 for a wrong key, a disabled device, or a clock that is an hour behind
     * @throws IOException no response: retry
     */
    fun send(deviceMessage: String, messageId: String, properties: Map<String, String> = emptyMap()) {
        val headers = properties.mapKeys { (name, _) -> "iothub-app-$name" } + mapOf(
            "Authorization" to currentToken(),
            "IoTHub-MessageId" to messageId,
            "iothub-contenttype" to "application/json",
            "iothub-contentencoding" to "utf-8"
        )
        val path = "devices/${encode(device.deviceId)}/messages/events?api-version=2021-04-12"
        val response = post("$hubUrl/$path", headers, """{"deviceId":"${device.deviceId}","Data":$deviceMessage}""")
        // The hub confirms with 204. A 200 comes from another server, such as a captive portal.
        if (response.status != 204) throw response.error(IOT_HUB_TYPE, IOT_HUB_CODE)
    }

    @Synchronized
    private fun currentToken(): String {
        val now = System.currentTimeMillis() / 1000
        if (tokenExpiresAt - TOKEN_MARGIN_S < now) {
            tokenExpiresAt = now + TOKEN_LIFETIME_S
            token = createSasToken(device, tokenExpiresAt)
        }
        return token
    }

    private class Response(val status: Int, contentType: String?, val retryAfter: String?, val text: String) {
        private val mediaType = contentType.orEmpty().substringBefore(';').trim()

        fun error(ownType: String, ownCode: Regex, isFinal: Boolean = false): HubException {
            val isOwn = mediaType.equals(ownType, ignoreCase = true)
            val code = if (isOwn) ownCode.find(text)?.groupValues?.get(1) else null
            // 403 means a used-up quota, which is reset at midnight UTC.
            val transient = code == null || status == 403 || status == 408 || status == 429 || status >= 500
            return HubException(status, code, transient && !isFinal, retryAfter)
        }
    }

    companion object {
        private const val TOKEN_LIFETIME_S = 3600
        private const val TOKEN_MARGIN_S = 300
        /** Timeout for connecting, and for each wait for bytes. */
        private const val TIMEOUT_MS = 30_000
        /** Responses have a few hundred bytes. Of a longer or slower response, only the start is read. */
        private const val MAX_RESPONSE_BYTES = 65_536
        private const val MAX_RESPONSE_NS = 60_000_000_000L
        private val HOST_NAME = Regex("\"hostName\"\\s*:\\s*\"([A-Za-z0-9.-]+)\"")
        /**
         * Error codes: in problem details of Hubfront, and in IoT Hub's {"Message": "ErrorCode:…"}. Gateways write
         * codes as well, but with other media types.
         */
        private const val HUBFRONT_TYPE = "application/problem+json"
        private val HUBFRONT_CODE = Regex("\"code\"\\s*:\\s*\"([a-z_]+)\"")
        private const val IOT_HUB_TYPE = "application/json"
        private val IOT_HUB_CODE = Regex("ErrorCode:([A-Za-z]+)")

        /**
         * Creates a key to propose. Store it before you register, so that you can repeat the registration if its
         * response is lost.
         */
        fun newDeviceKey(): String =
            Base64.getEncoder().encodeToString(ByteArray(32).also { SecureRandom().nextBytes(it) })

        /**
         * Registers the device, or confirms that it is registered with this key.
         *
         * @param endpoint `https://<app>/api`
         * @throws HubException 409 if another device has the id; 401 if the function key is wrong
         * @throws IOException no response: retry
         */
        fun register(endpoint: String, functionKey: String, deviceId: String, deviceKey: String): Device {
            val headers = mapOf("Content-Type" to "application/json", "X-Functions-Key" to functionKey)
            val response = post("$endpoint/devices", headers, """{"deviceId":"$deviceId","deviceKey":"$deviceKey"}""")
            val hostName = HOST_NAME.find(response.text)?.groupValues?.get(1)
            if ((response.status == 200 || response.status == 201) && hostName != null) {
                return Device(hostName, deviceId, deviceKey)
            }
            // The platform rejects a wrong function key with an empty 401.
            val isWrongKey = response.status == 401 && response.text.isEmpty()
            throw response.error(HUBFRONT_TYPE, HUBFRONT_CODE, isWrongKey)
        }

        /**
         * Creates a shared access signature for the device's own endpoints.
         *
         * @param expiresAt Unix time, seconds
         */
        fun createSasToken(device: Device, expiresAt: Long): String {
            val resource = encode("${device.hostName}/devices/${device.deviceId}")
            val mac = Mac.getInstance("HmacSHA256")
            mac.init(SecretKeySpec(Base64.getDecoder().decode(device.deviceKey), "HmacSHA256"))
            val signature = Base64.getEncoder().encodeToString(mac.doFinal("$resource\n$expiresAt".toByteArray()))
            return "SharedAccessSignature sr=$resource&sig=${encode(signature)}&se=$expiresAt"
        }

        /** The body is not streamed, because HttpURLConnection would then discard the body of a 401. */
        private fun post(url: String, headers: Map<String, String>, body: String): Response {
            val connection = URL(url).openConnection() as HttpURLConnection
            val bytes = body.toByteArray()
            connection.requestMethod = "POST"
            connection.connectTimeout = TIMEOUT_MS
            connection.readTimeout = TIMEOUT_MS
            connection.instanceFollowRedirects = false // following a redirection would change the request to GET
            connection.doOutput = true
            headers.forEach { (name, value) -> connection.setRequestProperty(name, value) }
            connection.outputStream.use { it.write(bytes) }
            val status = connection.responseCode
            val stream = if (status < 400) connection.inputStream else connection.errorStream
            val text = stream?.use(::readStart) ?: ""
            return Response(status, connection.contentType, connection.getHeaderField("Retry-After"), text)
        }

        private fun readStart(stream: InputStream): String {
            val deadline = System.nanoTime() + MAX_RESPONSE_NS
            val start = ByteArrayOutputStream()
            val buffer = ByteArray(8192)
            var n = stream.read(buffer)
            while (n >= 0 && start.size() < MAX_RESPONSE_BYTES && System.nanoTime() - deadline < 0) {
                start.write(buffer, 0, n)
                n = stream.read(buffer)
            }
            return start.toString("UTF-8")
        }

        /** URLEncoder encodes for forms and does not encode the star. */
        private fun encode(text: String) = URLEncoder.encode(text, "UTF-8").replace("*", "%2A")
    }
}
