"""The functions that PostgreSQL lacks, made in the session's own schema (``pg_temp``): `sphere`'s tests, written after it.

They are gone with the connection: the database's schema knows nothing of them. A shape is an array of numbers, as `sphere.Shape.text`
writes it: the radius (-1: a polygon), then unit vectors.
"""

from __future__ import annotations

FUNCTIONS = (
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_number(t text) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
    DECLARE x float8;
    BEGIN
        x := t::float8;
        RETURN CASE WHEN x IN ('NaN', 'Infinity', '-Infinity') THEN NULL ELSE x END;
    EXCEPTION WHEN OTHERS THEN RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_whole(x float8) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT CASE WHEN abs(x) < 9.2e18 THEN round(x)::bigint END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_shape(t text) RETURNS float8[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
    DECLARE w float8[]; s float8[]; i int;
    BEGIN
        IF t LIKE 'POLYGON%' THEN
            w := regexp_split_to_array(btrim(regexp_replace(t, '^POLYGON\\s+(ICRS\\s+)?', '')), '\\s+')::float8[];
            IF cardinality(w) < 6 OR cardinality(w) % 2 = 1 THEN RETURN NULL; END IF;
            s := ARRAY[-1];
            FOR i IN 0 .. cardinality(w) / 2 - 1 LOOP
                s := s || cosd(w[2*i+2]) * cosd(w[2*i+1]) || cosd(w[2*i+2]) * sind(w[2*i+1]) || sind(w[2*i+2]);
            END LOOP;
        ELSE
            s := regexp_split_to_array(btrim(t), '\\s+')::float8[];
        END IF;
        -- What is next to nothing becomes nothing: products of it would be out of range.
        RETURN (SELECT array_agg(CASE WHEN abs(x) < 1e-70 THEN 0 ELSE x END ORDER BY n) FROM unnest(s) WITH ORDINALITY AS u(x, n));
    EXCEPTION WHEN OTHERS THEN RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_circle(ra float8, de float8, radius float8) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT CASE WHEN radius >= 0 THEN concat_ws(' ', radians(radius), cosd(de) * cosd(ra), cosd(de) * sind(ra), sind(de)) END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_angle(ax float8, ay float8, az float8, bx float8, yb float8, bz float8)
    RETURNS float8 LANGUAGE sql IMMUTABLE AS
    $$ SELECT 2 * asin(least(sqrt((ax-bx)*(ax-bx) + (ay-yb)*(ay-yb) + (az-bz)*(az-bz)) / 2, 1)) $$
    """,
    # Crossings in the tangent plane about the middle, where great circles are straight.
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_holds(s float8[], x float8, y float8, z float8) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE
        n int := (cardinality(s) - 1) / 3; i int; l float8; mx float8 := 0; my float8 := 0; mz float8 := 0; ax float8 := 0; az float8 := 1;
        ex float8; ey float8; ez float8; nx float8; ny float8; nz float8; d float8; px float8; py float8;
        u float8; v float8; u0 float8; v0 float8; odd boolean := false;
    BEGIN
        FOR i IN 0 .. n - 1 LOOP mx := mx + s[3*i+2]; my := my + s[3*i+3]; mz := mz + s[3*i+4]; END LOOP;
        l := sqrt(mx*mx + my*my + mz*mz); IF l = 0 THEN RETURN false; END IF;
        mx := mx / l; my := my / l; mz := mz / l;
        IF abs(mz) >= 0.9 THEN ax := 1; az := 0; END IF;
        ex := -az * my; ey := az * mx - ax * mz; ez := ax * my;
        l := sqrt(ex*ex + ey*ey + ez*ez); ex := ex / l; ey := ey / l; ez := ez / l;
        nx := my*ez - mz*ey; ny := mz*ex - mx*ez; nz := mx*ey - my*ex;
        d := x*mx + y*my + z*mz; IF d <= 0 THEN RETURN false; END IF;
        px := (x*ex + y*ey + z*ez) / d; py := (x*nx + y*ny + z*nz) / d;
        FOR i IN -1 .. n - 1 LOOP
            d := coalesce(nullif(s[3*((i+n)%n)+2]*mx + s[3*((i+n)%n)+3]*my + s[3*((i+n)%n)+4]*mz, 0), 1e-15);
            u := (s[3*((i+n)%n)+2]*ex + s[3*((i+n)%n)+3]*ey + s[3*((i+n)%n)+4]*ez) / d;
            v := (s[3*((i+n)%n)+2]*nx + s[3*((i+n)%n)+3]*ny + s[3*((i+n)%n)+4]*nz) / d;
            IF i >= 0 AND (v > py) <> (v0 > py) AND px < (u0 - u) * (py - v) / (v0 - v) + u THEN odd := NOT odd; END IF;
            u0 := u; v0 := v;
        END LOOP;
        RETURN odd;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_edge(s float8[], x float8, y float8, z float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE
        n int := (cardinality(s) - 1) / 3; i int; j int; least_one float8 := pi(); found float8; l float8;
        ax float8; ay float8; az float8; bx float8; yb float8; bz float8; px float8; py float8; pz float8; side1 float8; side2 float8;
    BEGIN
        FOR i IN 0 .. n - 1 LOOP
            j := (i + n - 1) % n;
            ax := s[3*j+2]; ay := s[3*j+3]; az := s[3*j+4]; bx := s[3*i+2]; yb := s[3*i+3]; bz := s[3*i+4];
            px := ay*bz - az*yb; py := az*bx - ax*bz; pz := ax*yb - ay*bx; l := sqrt(px*px + py*py + pz*pz);
            side1 := (py*az - pz*ay)*x + (pz*ax - px*az)*y + (px*ay - py*ax)*z;
            side2 := (py*bz - pz*yb)*x + (pz*bx - px*bz)*y + (px*yb - py*bx)*z;
            IF l > 1e-15 AND side1 >= 0 AND side2 <= 0 THEN found := asin(least(abs(px*x + py*y + pz*z) / l, 1));
            ELSE found := pg_temp.dms_angle(bx, yb, bz, x, y, z); END IF;
            least_one := least(least_one, found, pg_temp.dms_angle(ax, ay, az, x, y, z));
        END LOOP;
        RETURN least_one;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_cross(s float8[], t float8[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE
        n int := (cardinality(s) - 1) / 3; m int := (cardinality(t) - 1) / 3; i int; j int; k int; h int;
        ax float8; ay float8; az float8; bx float8; yb float8; bz float8; cx float8; cy float8; cz float8; dx float8; dy float8; dz float8;
        px float8; py float8; pz float8; qx float8; qy float8; qz float8; e float8; f float8; g float8; o float8;
    BEGIN
        FOR i IN 0 .. n - 1 LOOP
            k := (i + 1) % n; ax := s[3*i+2]; ay := s[3*i+3]; az := s[3*i+4]; bx := s[3*k+2]; yb := s[3*k+3]; bz := s[3*k+4];
            px := ay*bz - az*yb; py := az*bx - ax*bz; pz := ax*yb - ay*bx;
            FOR j IN 0 .. m - 1 LOOP
                h := (j + 1) % m; cx := t[3*j+2]; cy := t[3*j+3]; cz := t[3*j+4]; dx := t[3*h+2]; dy := t[3*h+3]; dz := t[3*h+4];
                qx := cy*dz - cz*dy; qy := cz*dx - cx*dz; qz := cx*dy - cy*dx;
                e := px*cx + py*cy + pz*cz; f := px*dx + py*dy + pz*dz; g := qx*ax + qy*ay + qz*az; o := qx*bx + qy*yb + qz*bz;
                IF sign(e) * sign(f) < 0 AND sign(g) * sign(o) < 0 AND least(abs(e), abs(f), abs(g), abs(o)) > 1e-14
                   AND (ax+bx)*(cx+dx) + (ay+yb)*(cy+dy) + (az+bz)*(cz+dz) > 0 THEN RETURN true; END IF;
            END LOOP;
        END LOOP;
        RETURN false;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_corner(s float8[], t float8[], every boolean) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE i int; inside boolean;
    BEGIN
        FOR i IN 0 .. (cardinality(t) - 1) / 3 - 1 LOOP
            inside := pg_temp.dms_holds(s, t[3*i+2], t[3*i+3], t[3*i+4]) OR pg_temp.dms_edge(s, t[3*i+2], t[3*i+3], t[3*i+4]) <= 1e-10;
            IF inside <> every THEN RETURN inside; END IF;
        END LOOP;
        RETURN every;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_intersects(a text, b text) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS $$
    DECLARE s float8[] := pg_temp.dms_shape(a); t float8[] := pg_temp.dms_shape(b); u float8[];
    BEGIN
        IF s IS NULL OR t IS NULL THEN RETURN NULL; END IF;
        IF s[1] >= 0 AND t[1] >= 0 THEN
            RETURN (pg_temp.dms_angle(s[2], s[3], s[4], t[2], t[3], t[4]) <= s[1] + t[1] + 1e-10)::int;
        END IF;
        IF s[1] < 0 AND t[1] < 0 THEN
            RETURN (pg_temp.dms_corner(s, t, false) OR pg_temp.dms_corner(t, s, false) OR pg_temp.dms_cross(s, t))::int;
        END IF;
        IF s[1] >= 0 THEN u := s; s := t; t := u; END IF;
        RETURN (pg_temp.dms_holds(s, t[2], t[3], t[4]) OR pg_temp.dms_edge(s, t[2], t[3], t[4]) <= t[1] + 1e-10)::int;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_contains(a text, b text) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS $$
    DECLARE s float8[] := pg_temp.dms_shape(a); t float8[] := pg_temp.dms_shape(b); i int; near float8;
    BEGIN
        IF s IS NULL OR t IS NULL THEN RETURN NULL; END IF;
        IF t[1] >= 0 AND s[1] >= 0 THEN
            RETURN (pg_temp.dms_angle(s[2], s[3], s[4], t[2], t[3], t[4]) + s[1] <= t[1] + 1e-10)::int;
        END IF;
        IF t[1] > pi() / 2 THEN
            RETURN (NOT pg_temp.dms_holds(s, -t[2], -t[3], -t[4]) AND pg_temp.dms_edge(s, -t[2], -t[3], -t[4]) >= pi() - t[1] - 1e-10)::int;
        END IF;
        IF t[1] >= 0 THEN
            FOR i IN 0 .. (cardinality(s) - 1) / 3 - 1 LOOP
                IF pg_temp.dms_angle(s[3*i+2], s[3*i+3], s[3*i+4], t[2], t[3], t[4]) > t[1] + 1e-10 THEN RETURN 0; END IF;
            END LOOP;
            RETURN 1;
        END IF;
        IF s[1] >= 0 THEN
            near := pg_temp.dms_edge(t, s[2], s[3], s[4]);
            RETURN ((pg_temp.dms_holds(t, s[2], s[3], s[4]) AND near >= s[1] - 1e-10) OR (s[1] <= 1e-10 AND near <= 1e-10))::int;
        END IF;
        RETURN (pg_temp.dms_corner(t, s, true) AND NOT pg_temp.dms_cross(s, t))::int;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION pg_temp.dms_area(a text) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
    DECLARE
        s float8[] := pg_temp.dms_shape(a); i int; total float8 := 0;
        ax float8; ay float8; az float8; bx float8; yb float8; bz float8; cx float8; cy float8; cz float8;
    BEGIN
        IF s IS NULL THEN RETURN NULL; END IF;
        IF s[1] >= 0 THEN RETURN 2 * pi() * (1 - cos(least(s[1], pi()))) * degrees(1) * degrees(1); END IF;
        ax := s[2]; ay := s[3]; az := s[4];
        FOR i IN 1 .. (cardinality(s) - 1) / 3 - 2 LOOP
            bx := s[3*i+2]; yb := s[3*i+3]; bz := s[3*i+4]; cx := s[3*i+5]; cy := s[3*i+6]; cz := s[3*i+7];
            total := total + 2 * atan2(
                ax * (yb*cz - bz*cy) + ay * (bz*cx - bx*cz) + az * (bx*cy - yb*cx),
                1 + ax*bx + ay*yb + az*bz + bx*cx + yb*cy + bz*cz + cx*ax + cy*ay + cz*az);
        END LOOP;
        RETURN abs(total) * degrees(1) * degrees(1);
    END $$
    """,
)
