import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UnsupportedEncodingException;
import java.net.HttpURLConnection;
import java.net.URL;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * A phone that registers once through Hubfront and then sends directly to IoT Hub over HTTPS. One file without
 * dependencies: Java 11, or Android 8 (API 26). Its methods block: call them off the main thread.
 */
public final class HubfrontPhone {
    private static final int TOKEN_LIFETIME_S = 3600;
    private static final int TOKEN_MARGIN_S = 300;
    /** Timeout for connecting, and for each wait for bytes. */
    private static final int TIMEOUT_MS = 30_000;
    /** Responses have a few hundred bytes. Of a longer or slower response, only the start is read. */
    private static final int MAX_RESPONSE_BYTES = 65_536;
    private static final long MAX_RESPONSE_NS = 60_000_000_000L;
    private static final Pattern HOST_NAME = Pattern.compile("\"hostName\"\\s*:\\s*\"([A-Za-z0-9.-]+)\"");
    /**
     * Error codes: in problem details of Hubfront, and in IoT Hub's {"Message": "ErrorCode:..."}. Gateways write codes
     * as well, but with other media types.
     */
    private static final String HUBFRONT_TYPE = "application/problem+json";
    private static final Pattern HUBFRONT_CODE = Pattern.compile("\"code\"\\s*:\\s*\"([a-z_]+)\"");
    private static final String IOT_HUB_TYPE = "application/json";
    private static final Pattern IOT_HUB_CODE = Pattern.compile("ErrorCode:([A-Za-z]+)");

    private final String hostName;
    private final String deviceId;
    private final String deviceKey;
    private final String hubUrl;
    private String token;
    private long tokenExpiresAt;

    /** The identity that the phone stores in its keystore: the hub's name, the device id, and the key in base64. */
    public HubfrontPhone(String hostName, String deviceId, String deviceKey) {
        this(hostName, deviceId, deviceKey, "https://" + hostName);
    }

    /** @param hubUrl the URL of the hub, if it is an emulator */
    public HubfrontPhone(String hostName, String deviceId, String deviceKey, String hubUrl) {
        this.hostName = hostName;
        this.deviceId = deviceId;
        this.deviceKey = deviceKey;
        this.hubUrl = hubUrl;
    }

    /** An error response of Hubfront, of the hub, or of an intermediary. */
    public static final class HubException extends IOException {
        private static final long serialVersionUID = 1L;
        public final int status;
        /** The code of Hubfront ({@code device_exists}) or IoT Hub; null if neither wrote the response. */
        public final String code;
        /**
         * Whether the same request may succeed later: throttling, quota, a failing hub, or a response that neither
         * server wrote.
         */
        public final boolean retryable;
        /** Retry-After as the server sent it, or null. */
        public final String retryAfter;

        private HubException(Response response, String code, boolean isFinal) {
            super("the server returned " + response.status + (code == null ? "" : " " + code));
            this.status = response.status;
            this.code = code;
            // 403 means a used-up quota, which is reset at midnight UTC.
            this.retryable = !isFinal
                    && (code == null || status == 403 || status == 408 || status == 429 || status >= 500);
            this.retryAfter = response.retryAfter;
        }
    }

    private static final class Response {
        final int status;
        final String mediaType;
        final String retryAfter;
        final String text;

        Response(int status, String contentType, String retryAfter, String text) {
            this.status = status;
            this.mediaType = contentType == null ? "" : contentType.split(";", 2)[0].trim();
            this.retryAfter = retryAfter;
            this.text = text;
        }

        String code(String ownType, Pattern ownCode) {
            return mediaType.equalsIgnoreCase(ownType) ? find(ownCode, text) : null;
        }
    }

    /**
     * Creates a key to propose. Store it before you register, so that you can repeat the registration if its response
     * is lost.
     */
    public static String newDeviceKey() {
        byte[] key = new byte[32];
        new SecureRandom().nextBytes(key);
        return Base64.getEncoder().encodeToString(key);
    }

    /**
     * Registers the device, or confirms that it is registered with this key.
     *
     * @param endpoint {@code https://<app>/api}
     * @return the hub's name
     * @throws HubException 409 if another device has the id; 401 if the function key is wrong
     * @throws IOException no response: retry
     */
    public static String register(String endpoint, String functionKey, String deviceId, String deviceKey)
            throws IOException {
        String body = "{\"deviceId\":\"" + deviceId + "\",\"deviceKey\":\"" + deviceKey + "\"}";
        Response response = post(endpoint + "/devices",
                Map.of("Content-Type", "application/json", "X-Functions-Key", functionKey), body);
        String hostName = find(HOST_NAME, response.text);
        if ((response.status == 200 || response.status == 201) && hostName != null) return hostName;
        // The platform rejects a wrong function key with an empty 401.
        boolean wrongKey = response.status == 401 && response.text.isEmpty();
        throw new HubException(response, response.code(HUBFRONT_TYPE, HUBFRONT_CODE), wrongKey);
    }

    /**
     * Creates a shared access signature for the device's own endpoints.
     *
     * @param expiresAt Unix time, seconds
     */
    public static String createSasToken(String hostName, String deviceId, String deviceKey, long expiresAt) {
        String resource = encode(hostName + "/devices/" + deviceId);
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(Base64.getDecoder().decode(deviceKey), "HmacSHA256"));
            byte[] signature = mac.doFinal((resource + "\n" + expiresAt).getBytes(StandardCharsets.UTF_8));
            return "SharedAccessSignature sr=" + resource
                    + "&sig=" + encode(Base64.getEncoder().encodeToString(signature)) + "&se=" + expiresAt;
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible); // every Java platform supports HmacSHA256
        }
    }

    /**
     * Returns when the hub has stored the message.
     *
     * @param deviceMessage any JSON
     * @param messageId use the same id when you send the message again, so that readers can deduplicate
     * @param properties application properties, readable without the body
     * @throws HubException 401 for a wrong key, a disabled device, or a clock that is an hour behind
     * @throws IOException no response: retry
     */
    public void send(String deviceMessage, String messageId, Map<String, String> properties) throws IOException {
        Map<String, String> headers = new HashMap<>();
        properties.forEach((name, value) -> headers.put("iothub-app-" + name, value));
        headers.put("Authorization", currentToken());
        headers.put("IoTHub-MessageId", messageId);
        headers.put("iothub-contenttype", "application/json");
        headers.put("iothub-contentencoding", "utf-8");
        String url = hubUrl + "/devices/" + encode(deviceId) + "/messages/events?api-version=2021-04-12";
        Response response = post(url, headers, "{\"deviceId\":\"" + deviceId + "\",\"Data\":" + deviceMessage + "}");
        // The hub confirms with 204. A 200 comes from another server, such as a captive portal.
        if (response.status != 204) {
            throw new HubException(response, response.code(IOT_HUB_TYPE, IOT_HUB_CODE), false);
        }
    }

    private synchronized String currentToken() {
        long now = System.currentTimeMillis() / 1000;
        if (tokenExpiresAt - TOKEN_MARGIN_S < now) {
            tokenExpiresAt = now + TOKEN_LIFETIME_S;
            token = createSasToken(hostName, deviceId, deviceKey, tokenExpiresAt);
        }
        return token;
    }

    /** The body is not streamed, because HttpURLConnection would then discard the body of a 401. */
    private static Response post(String url, Map<String, String> headers, String body) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        connection.setRequestMethod("POST");
        connection.setConnectTimeout(TIMEOUT_MS);
        connection.setReadTimeout(TIMEOUT_MS);
        connection.setInstanceFollowRedirects(false); // following a redirection would change the request to GET
        connection.setDoOutput(true);
        headers.forEach(connection::setRequestProperty);
        try (OutputStream out = connection.getOutputStream()) {
            out.write(bytes);
        }
        int status = connection.getResponseCode();
        String contentType = connection.getContentType();
        String retryAfter = connection.getHeaderField("Retry-After");
        try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return new Response(status, contentType, retryAfter, in == null ? "" : readStart(in));
        }
    }

    private static String readStart(InputStream in) throws IOException {
        long deadline = System.nanoTime() + MAX_RESPONSE_NS;
        ByteArrayOutputStream start = new ByteArrayOutputStream();
        byte[] buffer = new byte[8192];
        int n = in.read(buffer);
        while (n >= 0 && start.size() < MAX_RESPONSE_BYTES && System.nanoTime() - deadline < 0) {
            start.write(buffer, 0, n);
            n = in.read(buffer);
        }
        return start.toString("UTF-8");
    }

    private static String find(Pattern pattern, String text) {
        Matcher found = pattern.matcher(text);
        return found.find() ? found.group(1) : null;
    }

    /** URLEncoder encodes for forms and does not encode the star. */
    private static String encode(String text) {
        try {
            return URLEncoder.encode(text, "UTF-8").replace("*", "%2A");
        } catch (UnsupportedEncodingException impossible) {
            throw new IllegalStateException(impossible); // every Java platform supports UTF-8
        }
    }
}
