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
    private static final int TIMEOUT_MS = 30_000;
    private static final Pattern HOST_NAME = Pattern.compile("\"hostName\"\\s*:\\s*\"([A-Za-z0-9.-]+)\"");

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

    /** An answer other than success, of Hubfront or of the hub. */
    public static final class HubException extends IOException {
        private static final long serialVersionUID = 1L;
        public final int status;
        /** Whether sending the same again may succeed: throttling, quota, or a hub that fails. */
        public final boolean retryable;
        /** What the hub asks to wait, in its own words, or null. */
        public final String retryAfter;

        HubException(int status, String retryAfter) {
            super("answered " + status);
            this.status = status;
            this.retryable = status == 403 || status == 408 || status == 429 || status >= 500;
            this.retryAfter = retryAfter;
        }
    }

    /** A key to propose: keep it before you register, so that a registration whose answer is lost can be repeated. */
    public static String newDeviceKey() {
        byte[] key = new byte[32];
        new SecureRandom().nextBytes(key);
        return Base64.getEncoder().encodeToString(key);
    }

    /**
     * Registers the device, or finds it registered with this key.
     *
     * @param endpoint {@code https://<app>/api}
     * @return the hub's name
     * @throws HubException status 409 when the id is another's
     */
    public static String register(String endpoint, String functionKey, String deviceId, String deviceKey)
            throws IOException {
        String body = "{\"deviceId\":\"" + deviceId + "\",\"deviceKey\":\"" + deviceKey + "\"}";
        String answer = post(endpoint + "/devices",
                Map.of("Content-Type", "application/json", "X-Functions-Key", functionKey), body);
        Matcher found = HOST_NAME.matcher(answer);
        if (!found.find()) throw new IOException("the answer names no hub");
        return found.group(1);
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
     * @param messageId the same when the message is sent again, so that the repeat can be told
     * @param properties application properties, readable without the body
     * @throws HubException 401 for a wrong key, a disabled device, or a clock that is an hour behind
     */
    public void send(String deviceMessage, String messageId, Map<String, String> properties) throws IOException {
        Map<String, String> headers = new HashMap<>();
        properties.forEach((name, value) -> headers.put("iothub-app-" + name, value));
        headers.put("Authorization", currentToken());
        headers.put("IoTHub-MessageId", messageId);
        headers.put("iothub-contenttype", "application/json");
        headers.put("iothub-contentencoding", "utf-8");
        post(hubUrl + "/devices/" + encode(deviceId) + "/messages/events?api-version=2021-04-12", headers,
                "{\"deviceId\":\"" + deviceId + "\",\"Data\":" + deviceMessage + "}");
    }

    private synchronized String currentToken() {
        long now = System.currentTimeMillis() / 1000;
        if (tokenExpiresAt - TOKEN_MARGIN_S < now) {
            tokenExpiresAt = now + TOKEN_LIFETIME_S;
            token = createSasToken(hostName, deviceId, deviceKey, tokenExpiresAt);
        }
        return token;
    }

    private static String post(String url, Map<String, String> headers, String body) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        connection.setRequestMethod("POST");
        connection.setConnectTimeout(TIMEOUT_MS);
        connection.setReadTimeout(TIMEOUT_MS);
        connection.setDoOutput(true);
        connection.setFixedLengthStreamingMode(bytes.length);
        headers.forEach(connection::setRequestProperty);
        try (OutputStream out = connection.getOutputStream()) {
            out.write(bytes);
        }
        int status = connection.getResponseCode();
        // Read to its end, an answer leaves its connection open for the next request.
        try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            String answer = in == null ? "" : readAll(in);
            if (status >= 300) throw new HubException(status, connection.getHeaderField("Retry-After"));
            return answer;
        }
    }

    private static String readAll(InputStream in) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] buffer = new byte[8192];
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) all.write(buffer, 0, n);
        return all.toString("UTF-8");
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
