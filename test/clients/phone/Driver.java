import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Reads commands as lines of tab-separated fields and answers each with a line; see driver.ts. */
final class Driver {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            System.out.println(answer(line.split("\t")));
        }
    }

    private static String answer(String[] f) throws Exception {
        try {
            switch (f[0]) {
                case "token":
                    return HubfrontPhone.createSasToken(f[1], f[2], f[3], Long.parseLong(f[4]));
                case "register":
                    return HubfrontPhone.register(f[1], f[2], f[3], f[4]);
                default:
                    new HubfrontPhone(f[1], f[2], f[3], f[4]).send(f[6], f[5], Map.of("level", "low"));
                    return "sent";
            }
        } catch (HubfrontPhone.HubException refused) {
            String code = refused.code == null ? "" : " " + refused.code;
            return refused.retryable ? "retry" : "rejected " + refused.status + code;
        } catch (java.io.IOException noResponse) {
            return "retry";
        }
    }
}
