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
 * A phone that registers once through Hubfront and then sends straight to IoT Hub over HTTPS. One file without
 * dependencies: Java 11, or Android 8 (API 26). Its methods block: call them off the main thread.
 */
public final class HubfrontPhone {
    private static final int TOKEN_LIFETIME_S = 3600;
    private static final int TOKEN_MARGIN_S = 300;
    /** Of a connection, and of each wait for bytes. */
    private static final int TIMEOUT_MS = 30_000;
    /** A response has a few hundred bytes. Of a longer one, or one that takes longer, the start is read. */
    private static final int MAX_RESPONSE_BYTES = 65_536;
    private static final long MAX_RESPONSE_NS = 60_000_000_000L;
    private static final Pattern HOST_NAME = Pattern.compile("\"hostName\"\\s*:\\s*\"([A-Za-z0-9.-]+)\"");
    /** Problem details of Hubfront, and IoT Hub's {"Message": "ErrorCode:..."}. */
    private static final Pattern HUBFRONT_CODE = Pattern.compile("\"code\"\\s*:\\s*\"([a-z_]+)\"");
    private static final Pattern IOT_HUB_CODE = Pattern.compile("ErrorCode:([A-Za-z]+)");

    private final String hostName;
    private final String deviceId;
    private final String deviceKey;
    private final String hubUrl;
    private String token;
    private long tokenExpiresAt;

    /** What the phone keeps, in its keystore: the hub's name, the device id, the key in base64. */
    public HubfrontPhone(String hostName, String deviceId, String deviceKey) {
        this(hostName, deviceId, deviceKey, "https://" + hostName);
    }

    /** @param hubUrl where the hub is reached, for an emulator */
    public HubfrontPhone(String hostName, String deviceId, String deviceKey, String hubUrl) {
        this.hostName = hostName;
        this.deviceId = deviceId;
        this.deviceKey = deviceKey;
        this.hubUrl = hubUrl;
    }

    /** A response other than success: of Hubfront, of the hub, or of something on the way to them. */
    public static final class HubException extends IOException {
        private static final long serialVersionUID = 1L;
        public final int status;
        /** Of Hubfront ({@code device_exists}) or IoT Hub; null when neither wrote the response. */
        public final String code;
        /** Whether the same request may succeed later: throttling, quota, a failing hub, a response of neither server. */
        public final boolean retryable;
        /** Retry-After as the server sent it, or null. */
        public final String retryAfter;

        private HubException(Response response, String code, boolean isFinal) {
            super("the server returned " + response.status + (code == null ? "" : " " + code));
            this.status = response.status;
            this.code = code;
            // 403 is a used-up quota, which is renewed at midnight UTC.
            this.retryable = !isFinal
                    && (code == null || status == 403 || status == 408 || status == 429 || status >= 500);
            this.retryAfter = response.retryAfter;
        }
    }

    private static final class Response {
        final int status;
        final String retryAfter;
        final String text;

        Response(int status, String retryAfter, String text) {
            this.status = status;
            this.retryAfter = retryAfter;
            this.text = text;
        }
    }

    /** A key to propose. Store it before you register: then a registration can be repeated if its response is lost. */
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
        throw new HubException(response, find(HUBFRONT_CODE, response.text), wrongKey);
    }

    /**
     * A shared access signature that opens the device's own endpoints and nothing else.
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
            throw new IllegalStateException(impossible); // every Java has HmacSHA256
        }
    }

    /**
     * Returns when the hub has stored the message.
     *
     * @param deviceMessage any JSON
     * @param messageId the same one when the message is sent again, so that readers can deduplicate
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
        // The hub confirms with 204. A 200 is something else's, such as a captive portal's.
        if (response.status != 204) throw new HubException(response, find(IOT_HUB_CODE, response.text), false);
    }

    private synchronized String currentToken() {
        long now = System.currentTimeMillis() / 1000;
        if (tokenExpiresAt - TOKEN_MARGIN_S < now) {
            tokenExpiresAt = now + TOKEN_LIFETIME_S;
            token = createSasToken(hostName, deviceId, deviceKey, tokenExpiresAt);
        }
        return token;
    }

    /** The body is not streamed: then HttpURLConnection would discard the body of a 401. */
    private static Response post(String url, Map<String, String> headers, String body) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        connection.setRequestMethod("POST");
        connection.setConnectTimeout(TIMEOUT_MS);
        connection.setReadTimeout(TIMEOUT_MS);
        connection.setInstanceFollowRedirects(false); // a followed redirection would make a GET of it
        connection.setDoOutput(true);
        headers.forEach(connection::setRequestProperty);
        try (OutputStream out = connection.getOutputStream()) {
            out.write(bytes);
        }
        int status = connection.getResponseCode();
        String retryAfter = connection.getHeaderField("Retry-After");
        try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return new Response(status, retryAfter, in == null ? "" : readStart(in));
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

    /** URLEncoder, which is for forms, leaves the star as it is. */
    private static String encode(String text) {
        try {
            return URLEncoder.encode(text, "UTF-8").replace("*", "%2A");
        } catch (UnsupportedEncodingException impossible) {
            throw new IllegalStateException(impossible); // every Java has UTF-8
        }
    }
}
