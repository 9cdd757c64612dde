import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL
import java.net.URLEncoder
import java.security.SecureRandom
import java.util.Base64
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec

/** What a phone keeps, in its keystore. [hostName] is `<hub>.azure-devices.net`, [deviceKey] base64. */
data class Device(val hostName: String, val deviceId: String, val deviceKey: String)

/** An answer other than success, of Hubfront or of the hub. [retryAfter] is what it asks to wait, in its own words. */
class HubException(val status: Int, val retryAfter: String?) : IOException("answered $status") {
    /** Whether sending the same again may succeed: throttling, quota, or a hub that fails. */
    val retryable = status == 403 || status == 408 || status == 429 || status >= 500
}

/**
 * A phone that registers once through Hubfront and then sends straight to IoT Hub over HTTPS. One file without
 * dependencies: Android 8 (API 26) or Java 11. Its functions block: call them from Dispatchers.IO.
 *
 * @param hubUrl where the hub is reached, for an emulator
 */
class HubfrontPhone(private val device: Device, private val hubUrl: String = "https://${device.hostName}") {
    private var token = ""
    private var tokenExpiresAt = 0L

    /**
     * Returns when the hub has stored the message.
     *
     * @param deviceMessage any JSON
     * @param messageId the same when the message is sent again, so that the repeat can be told
     * @param properties application properties, readable without the body
     * @throws HubException 401 for a wrong key, a disabled device, or a clock that is an hour behind
     */
    fun send(deviceMessage: String, messageId: String, properties: Map<String, String> = emptyMap()) {
        val headers = properties.mapKeys { (name, _) -> "iothub-app-$name" } + mapOf(
            "Authorization" to currentToken(),
            "IoTHub-MessageId" to messageId,
            "iothub-contenttype" to "application/json",
            "iothub-contentencoding" to "utf-8"
        )
        val path = "devices/${encode(device.deviceId)}/messages/events?api-version=2021-04-12"
        post("$hubUrl/$path", headers, """{"deviceId":"${device.deviceId}","Data":$deviceMessage}""")
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

    companion object {
        private const val TOKEN_LIFETIME_S = 3600
        private const val TOKEN_MARGIN_S = 300
        private const val TIMEOUT_MS = 30_000

        /** A key to propose: keep it before you register, so that a registration whose answer is lost can be repeated. */
        fun newDeviceKey(): String =
            Base64.getEncoder().encodeToString(ByteArray(32).also { SecureRandom().nextBytes(it) })

        /**
         * Registers the device, or finds it registered with this key.
         *
         * @param endpoint `https://<app>/api`
         * @throws HubException status 409 when the id is another's
         */
        fun register(endpoint: String, functionKey: String, deviceId: String, deviceKey: String): Device {
            val headers = mapOf("Content-Type" to "application/json", "X-Functions-Key" to functionKey)
            val answer = post("$endpoint/devices", headers, """{"deviceId":"$deviceId","deviceKey":"$deviceKey"}""")
            val hostName = Regex("\"hostName\"\\s*:\\s*\"([A-Za-z0-9.-]+)\"").find(answer)
                ?: throw IOException("the answer names no hub")
            return Device(hostName.groupValues[1], deviceId, deviceKey)
        }

        /**
         * A shared access signature that opens the device's own endpoints and nothing else.
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

        private fun post(url: String, headers: Map<String, String>, body: String): String {
            val connection = URL(url).openConnection() as HttpURLConnection
            val bytes = body.toByteArray()
            connection.requestMethod = "POST"
            connection.connectTimeout = TIMEOUT_MS
            connection.readTimeout = TIMEOUT_MS
            connection.doOutput = true
            connection.setFixedLengthStreamingMode(bytes.size)
            headers.forEach { (name, value) -> connection.setRequestProperty(name, value) }
            connection.outputStream.use { it.write(bytes) }
            val status = connection.responseCode
            // Read to its end, an answer leaves its connection open for the next request.
            val stream = if (status < 400) connection.inputStream else connection.errorStream
            val answer = stream?.use { it.readBytes().toString(Charsets.UTF_8) } ?: ""
            if (status >= 300) throw HubException(status, connection.getHeaderField("Retry-After"))
            return answer
        }

        /** URLEncoder, which is for forms, leaves the star as it is. */
        private fun encode(text: String) = URLEncoder.encode(text, "UTF-8").replace("*", "%2A")
    }
}
